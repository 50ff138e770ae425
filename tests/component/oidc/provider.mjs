// An OAuth 2.0 server on a free port of the loopback: oidc-provider with three clients, and under /test what only a
// test may do. Its first line on stdout is its port; it ends with its stdin.
import http from 'node:http';
import { Provider, errors } from 'oidc-provider';

const lives = { access: 3600 };
const requests = [];
const arrived = [];
let held = Promise.resolve();
let release = () => {};

const client = (id, auth, grants) => ({
  client_id: id,
  client_secret: auth === 'none' ? undefined : `${id} secret/+`,
  token_endpoint_auth_method: auth,
  grant_types: grants,
  redirect_uris: grants.includes('authorization_code') ? ['http://127.0.0.1/back'] : [],
  response_types: grants.includes('authorization_code') ? ['code'] : [],
  scope: 'openid offline_access calls',
});

const configuration = {
  clients: [
    client('service', 'client_secret_basic', ['client_credentials']),
    client('posting', 'client_secret_post', ['client_credentials']),
    client('user', 'client_secret_basic', ['authorization_code', 'refresh_token']),
    client('public', 'none', ['authorization_code', 'refresh_token']),
  ],
  scopes: ['openid', 'offline_access', 'calls'],
  ttl: { ClientCredentials: () => lives.access, AccessToken: () => lives.access, RefreshToken: 86400, Grant: 86400 },
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== 'https://crm.example.com') throw new errors.InvalidTarget('no such resource');
        return { scope: 'calls', audience: resource, accessTokenFormat: 'opaque' };
      },
    },
  },
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, configuration);

  const refreshToken = async (clientId) => {
    const grant = new provider.Grant({ clientId, accountId: 'ada' });
    grant.addOIDCScope('openid offline_access');
    const token = new provider.RefreshToken({
      client: await provider.Client.find(clientId),
      accountId: 'ada',
      grantId: await grant.save(),
      gty: 'authorization_code',
      scope: 'openid offline_access',
      rotations: 0,
      iiat: Math.floor(Date.now() / 1000),
    });
    return token.save();
  };
  const find = async (value) => await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value);

  const orders = {
    '/test/refresh-token': async ({ client_id: id }) => ({ refresh_token: await refreshToken(id) }),
    '/test/alive': async ({ token }) => ({ alive: Boolean(await find(token)) }),
    '/test/revoke': async ({ token }) => { await (await find(token)).destroy(); return {}; },
    '/test/access-lives': async ({ seconds }) => { lives.access = Number(seconds); return {}; },
    '/test/hold': async () => { held = new Promise((done) => { release = done; }); return {}; },
    '/test/release': async () => { release(); held = Promise.resolve(); return {}; },
    '/test/requests': async ({ at_least: count = 0 }) => {
      while (requests.length < Number(count)) await new Promise((done) => { arrived.push(done); });
      return { requests };
    },
    '/test/reset': async () => {
      release();
      held = Promise.resolve();
      lives.access = 3600;
      requests.length = 0;
      return {};
    },
  };

  provider.use(async (ctx, next) => {
    const order = orders[ctx.path];
    if (order) {
      ctx.body = await order(ctx.query);
      return;
    }
    if (ctx.path !== '/token') return next();
    const request = { grant: '', error: '', client: ctx.get('authorization') ? 'basic' : 'body' };
    requests.push(request);
    arrived.splice(0).forEach((done) => done());
    await held;
    await next();
    request.grant = ctx.oidc?.params?.grant_type ?? '';
    request.error = ctx.body?.error ?? '';
  });
  server.on('request', provider.callback());
  process.stdout.write(`port ${port}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
