"""The users of CRMs as programs and people get them: who each of them is, by what, or what to do."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from agi_router.directory.crm_users import Match
from agi_router.document.problems import suggestion
from ari_app.control.settings import ControlError
from ari_app.crm.user_map import CrmUserMap
from ari_app.crm.users import LONGEST_S, NotRead, NotReadError, UserReading
from ari_app.live.forms import read_form

LONGEST_ANSWER_S: Final = LONGEST_S + 10


class UsersForm(BaseModel):
    """Of one connector, "" for all. With `refresh` the CRM is asked first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str = Field(default="", max_length=64)
    refresh: bool = False


class CrmUserDesk:
    """The users of the connectors of a running router."""

    def __init__(self, reading: UserReading, connectors: Collection[str]) -> None:
        self.names = tuple(connectors)
        self._reading = reading

    @property
    def users(self) -> CrmUserMap:
        """Who is who."""
        return self._reading.users

    def of(self, name: str) -> Mapping[str, Any]:
        """What is known of this connector's users; raises KeyError for a name that is none."""
        if name not in self.names:
            raise KeyError(name)
        return crm_users_as_json(name, self.users, self._reading.failure(name))

    async def answer(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command `crm_users`: `{"connectors": [...]}`. Raises ControlError."""
        form = read_form(UsersForm, arguments)
        wanted = wanted_connectors(form.connector, self.names)
        for name in wanted if form.refresh else ():
            try:
                await self._reading.read(name)
            except NotReadError as error:
                why = error.failure
                raise ControlError(
                    f"the users of {name} can't be read: {why.message} [{why.code}]", why.remedy
                ) from None
        return {"connectors": [self.of(name) for name in wanted]}

    def status(self) -> Mapping[str, Any]:
        """How many users of each CRM are known, for the status."""
        return {"crm_users": [users_status(self.of(name)) for name in self.names]}


def wanted_connectors(name: str, names: Collection[str]) -> tuple[str, ...]:
    """This one, or all for "". Raises ControlError for one that there is not."""
    if name and name not in names:
        hint = suggestion(name, list(names)) or "; section crm names none"
        raise ControlError(f'there is no CRM "{name}"{hint} [crm_unknown]', "Name one of section crm, or none for all.")
    return (name,) if name else tuple(names)


def crm_users_as_json(name: str, users: CrmUserMap, not_read: NotRead | None = None) -> Mapping[str, Any]:
    """All that is known of this connector's users."""
    listed = users.listed(name)
    return {
        "connector": name,
        "read_at": None if listed is None else listed.read_at.isoformat(),
        "failure": None if not_read is None else {**asdict(not_read.failure), "at": not_read.at.isoformat()},
        "users": [_match_as_json(match) for match in users.matches(name)],
        "unknown_there": [{"user": user.id, "name": user.name} for user in users.unknown_to(name)],
        "unlisted": [asdict(unlisted) for unlisted in users.unlisted(name)],
    }


def users_status(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same in numbers."""
    return {
        "connector": told["connector"],
        "read_at": told["read_at"],
        "users": len(told["users"]),
        "matched": sum(user["user"] is not None for user in told["users"]),
        "unknown_there": len(told["unknown_there"]),
        "failure": told["failure"],
    }


def _match_as_json(match: Match) -> Mapping[str, Any]:
    return {
        "crm_id": match.listed.id,
        "name": match.listed.name,
        "email": match.listed.email,
        "extension": match.listed.extension,
        "phone": match.listed.phone,
        "user": match.user or None,
        "matched_by": None if match.by is None else match.by.value,
        "problem": None if match.why is None else asdict(match.why),
    }
