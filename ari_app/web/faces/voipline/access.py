"""Who asks: a key in the header `token`, from one of its networks; VoIPline's list of addresses is a key's networks."""

from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from ari_app.access.rates import MINUTE, RequestRates
from ari_app.access.scopes import Access, Scope
from ari_app.settings.faces_section import VoiplineSettings
from ari_app.web.faces.face import FaceDoor
from ari_app.web.problems import ProblemError
from ari_app.web.rate_headers import tell_quota

WINDOW_MINUTES: Final = 15

_KEY = APIKeyHeader(
    name="token",
    scheme_name="VoIPline",
    auto_error=False,
    description="agi-router keys create NAME --scope face:voipline --network ADDRESS",
)
_door = FaceDoor(Scope.FACE_VOIPLINE, lambda request: request.headers.getlist("token"))


async def _caller(access: Annotated[Access, Depends(_door)], _key: Annotated[Any, Security(_KEY)]) -> Access:
    return access


Caller = Annotated[Access, Depends(_caller)]


class Allowance:
    """A dependency: no key asks more often than it may. Requests that are not let in do not count."""

    def __init__(self, settings: VoiplineSettings) -> None:
        self._limit = settings.queries_per_15_minutes
        self._rates = RequestRates(width=WINDOW_MINUTES * MINUTE)

    async def __call__(self, request: Request, access: Caller) -> None:
        """Raises ProblemError."""
        if self._limit is None:
            return
        quota = self._rates.take(access.key_id, self._limit)
        tell_quota(request, quota)
        if not quota.allowed:
            raise ProblemError(
                429,
                "too_many_requests",
                f"the key {access.key} may ask {quota.limit} times in {WINDOW_MINUTES} minutes",
                "Ask again after the seconds of Retry-After, or have web.faces.voipline.queries_per_15_minutes raised.",
            )
