"""Who asks: a key in the header Hash-key, from one of its networks, and the two other headers of Ameyo's."""

from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from ari_app.access.scopes import Access, Scope
from ari_app.settings.faces_section import AmeyoSettings
from ari_app.web.faces.face import FaceDoor
from ari_app.web.problems import ProblemError

_KEY: Final = APIKeyHeader(
    name="Hash-key",
    scheme_name="Ameyo",
    auto_error=False,
    description="agi-router keys create NAME --scope face:ameyo --network ADDRESS",
)
_door = FaceDoor(Scope.FACE_AMEYO, lambda request: request.headers.getlist("hash-key"))


async def _caller(access: Annotated[Access, Depends(_door)], _key: Annotated[Any, Security(_KEY)]) -> Access:
    return access


Caller = Annotated[Access, Depends(_caller)]


class Headers:
    """A dependency: Requesting-host and Policy-name are as configured. They are no secrets: the key is."""

    def __init__(self, settings: AmeyoSettings) -> None:
        self._hosts = settings.requesting_hosts
        self._policy = settings.policy_name

    async def __call__(self, request: Request, _access: Caller) -> None:
        """Raises ProblemError, 401."""
        host = request.headers.get("requesting-host", "").strip()
        if not host or (self._hosts and host.lower() not in self._hosts):
            raise _not_authorised("Requesting-host", "one of web.faces.ameyo.requesting_hosts")
        if request.headers.get("policy-name", "").strip() != self._policy:
            raise _not_authorised("Policy-name", "what web.faces.ameyo.policy_name says")

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Both, for the OpenAPI."""
        hosts = sorted(self._hosts)
        host: dict[str, Any] = {"type": "string", "minLength": 1, "examples": hosts[:1] or ["crm.example.com"]}
        shapes = {
            "Requesting-host": host | ({"enum": hosts} if hosts else {}),
            "Policy-name": {"type": "string", "const": self._policy, "examples": [self._policy]},
        }
        return [{"name": name, "in": "header", "required": True, "schema": shapes[name]} for name in shapes]


def _not_authorised(header: str, what: str) -> ProblemError:
    return ProblemError(401, "header_wrong", f"the header {header} is missing or wrong", f"Send {what}.")
