// An OAuth 2.0 server on a free port of the loopback: oidc-provider with a few clients, and under /test what only a
// test may do. Its first line on stdout is its port; it ends with its stdin.
import http from 'node:http';
import { Provider, errors } from 'oidc-provider';

const ACCESS_S = 3600;
let told = ACCESS_S;
const requests = [];
const arrived = [];
let held = Promise.resolve();
let release = () => {};
let denies = false;
const granted = [];

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
    // A program on somebody's desk: its redirect URI may have any port of the loopback (RFC 8252 section 7.3).
    { ...client('desk', 'client_secret_post', ['authorization_code', 'refresh_token']),
      application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'] },
  ],
  scopes: ['openid', 'offline_access', 'calls'],
  ttl: { ClientCredentials: ACCESS_S, AccessToken: ACCESS_S, RefreshToken: 86400, Grant: 86400 },
  rotateRefreshToken: true,
  pkce: { required: (_, { clientId }) => clientId === 'desk' },
  interactions: { url: (_, interaction) => `/consent/${interaction.uid}` },
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
    '/test/withdraw': async () => {
      for (const grant of granted.splice(0)) {
        await Promise.all([provider.AccessToken, provider.RefreshToken].map((kind) => kind.revokeByGrantId(grant)));
        await (await provider.Grant.find(grant)).destroy();
      }
      return {};
    },
    '/test/deny': async () => { denies = true; return {}; },
    '/test/access-lives': async ({ seconds }) => { told = Number(seconds); return {}; },
    '/test/hold': async () => { held = new Promise((done) => { release = done; }); return {}; },
    '/test/release': async () => { release(); held = Promise.resolve(); return {}; },
    '/test/requests': async ({ at_least: count = 0 }) => {
      while (requests.length < Number(count)) await new Promise((done) => { arrived.push(done); });
      return { requests };
    },
    '/test/reset': async () => {
      release();
      held = Promise.resolve();
      told = ACCESS_S;
      denies = false;
      requests.length = 0;
      return {};
    },
  };

  // What a user does on the pages of a login: she is ada, and allows what is asked for, or not.
  const consent = async (ctx) => {
    const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
    if (denies) {
      const denied = { error: 'access_denied', error_description: 'ada does not want to' };
      return provider.interactionFinished(ctx.req, ctx.res, denied, { mergeWithLastSubmission: false });
    }
    if (prompt.name === 'login') {
      return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'ada' } });
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    granted.push(await grant.save());
    return provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: granted.at(-1) } });
  };

  provider.use(async (ctx, next) => {
    if (ctx.path.startsWith('/consent/')) {
      ctx.respond = false;
      await consent(ctx);
      return;
    }
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
    if (ctx.body?.expires_in) ctx.body.expires_in = told;
  });
  server.on('request', provider.callback());
  process.stdout.write(`port ${port}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
