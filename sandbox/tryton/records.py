"""What is in Tryton's database, seen from outside: by JSON-RPC, as user `admin`."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from sandbox.errors import SandboxError
from sandbox.tryton.environment import ADMIN, ADMIN_PASSWORD

Domain = Sequence[object]  # [["name", "=", "Ada"], ...]: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A person or a company. `numbers` are its telephone numbers as they are compared, E.164 where they are valid."""

    id: int
    name: str
    email: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What is attached to a record, such as "party.party,3"; `data` is the file, if there is one."""

    id: int
    name: str
    description: str
    link: str
    resource: str
    data: bytes | None


class Records:
    """A client of Tryton's JSON-RPC at `url`; it logs in when it is entered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http: aiohttp.ClientSession | None = None
        self._headers: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        try:
            user_id, session, _ = await self._call("common.db.login", ADMIN, {"password": ADMIN_PASSWORD})
        except BaseException:
            await self._http.close()
            raise
        token = base64.b64encode(f"{ADMIN}:{user_id}:{session}".encode()).decode()
        self._headers = {"Authorization": f"Session {token}"}
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def find(self, model: str, domain: Domain, *fields: str) -> Sequence[Mapping[str, Any]]:
        """The records of a model, the oldest first; of records inside, "a.b" is found under "a."."""
        found = await self._call(f"model.{model}.search_read", domain, 0, None, [["id", "ASC"]], ["id", *fields], {})
        return list(found)

    async def create(self, model: str, **values: object) -> int:
        """Create a record; its id."""
        return int((await self._call(f"model.{model}.create", [values], {}))[0])

    async def write(self, model: str, record: int, **values: object) -> None:
        """Change a record."""
        await self._call(f"model.{model}.write", [record], values, {})

    async def delete(self, model: str, record: int) -> None:
        """Delete a record."""
        await self._call(f"model.{model}.delete", [record], {})

    async def parties(self, domain: Domain = ()) -> Sequence[Party]:
        """The parties that are in `domain`, else all of them; the oldest first."""
        inside = "contact_mechanisms.type", "contact_mechanisms.value_compact"
        return [
            Party(
                id=row["id"],
                name=row["name"],
                email=row["email"],
                numbers=tuple(m["value_compact"] for m in row["contact_mechanisms."] if m["type"] in TELEPHONES),
            )
            for row in await self.find("party.party", domain, "name", "email", *inside)
        ]

    async def party(self, name: str) -> Party:
        """The only party of this name. Raises SandboxError when there is none, or another one."""
        found = await self.parties([["name", "=", name]])
        if len(found) != 1:
            raise SandboxError(f"{len(found)} parties are called {name}: {found}")
        return found[0]

    async def attachments(self, domain: Domain = ()) -> Sequence[Attachment]:
        """The attachments that are in `domain`, else all of them; the oldest first."""
        fields = "name", "description", "link", "resource", "data"
        return [
            Attachment(
                id=row["id"],
                name=row["name"],
                description=row["description"] or "",
                link=row["link"] or "",
                resource=row["resource"],
                data=row["data"] and base64.b64decode(row["data"]["base64"]),
            )
            for row in await self.find("ir.attachment", domain, *fields)
        ]

    async def _call(self, method: str, *params: object) -> Any:
        if self._http is None:
            raise SandboxError("Enter the client first: async with Records(url) as records.")
        body = {"id": 1, "method": method, "params": params}
        async with self._http.post(self._url, json=body, headers=self._headers) as response:
            if response.status != 200:
                raise SandboxError(f"Tryton answers {method} with status {response.status}: {await response.text()}")
            answer = await response.json()
        if "error" in answer:
            raise SandboxError(f"Tryton refuses {method}: {answer['error']}")
        return answer["result"]


TELEPHONES = ("phone", "mobile", "other")
