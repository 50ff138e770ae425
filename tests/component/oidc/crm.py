"""An API that asks the provider whether the token it is shown lives."""

from dataclasses import dataclass, field

from aiohttp import web

from tests.component.oidc.server import Provider


@dataclass
class Crm:
    """Answers `says` to living tokens only, and to none at all while it `refuses`."""

    provider: Provider
    refuses: bool = False
    says: str = "ada"
    shown: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.shown.append(token)
        if self.refuses or not await self.provider.is_alive(token):
            return web.Response(status=401, text="who?")
        return web.Response(text=self.says)
