"""Who of the directory the users of each CRM are, and the other way round."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agi_router.directory.crm_users import Match, matches
from agi_router.directory.users import User
from ari_app.domain.crm_users import CrmUserList


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """The configuration gives our `user` this id at a CRM, and the CRM lists nobody with it."""

    user: str
    crm_id: str


class CrmUserMap:
    """Implements `agi_router.directory.crm_users.CrmUsers`; what changes counts for the next question.

    It outlives the routers of reloads: each is handed this one.
    """

    def __init__(self) -> None:
        self._users: Sequence[User] = ()
        self._region = ""
        self._connectors: Collection[str] = ()
        self._lists: dict[str, CrmUserList] = {}
        self._matches: dict[str, tuple[Match, ...]] = {}
        self._ours: dict[tuple[str, str], str] = {}
        self._theirs: dict[str, dict[str, str]] = {}

    def know(self, users: Sequence[User], region: str, connectors: Collection[str]) -> None:
        """The directory, how it reads numbers, and the connectors that there are."""
        self._users, self._region, self._connectors = users, region, connectors
        self._match(self._lists.values())

    def take(self, lists: Iterable[CrmUserList]) -> None:
        """What CRMs have listed, each in place of what it listed before."""
        new = {listed.connector: listed for listed in lists}
        self._lists.update(new)
        self._match(new.values())

    def listed(self, crm: str) -> CrmUserList | None:
        """What this CRM has listed last; None when nothing is known of it."""
        return self._lists.get(crm) if crm in self._connectors else None

    def matches(self, crm: str) -> tuple[Match, ...]:
        """Who each of its users is."""
        return self._matches.get(crm, ())

    def user_of(self, crm: str, crm_id: str) -> str | None:
        """See CrmUsers."""
        return self._ours.get((crm, crm_id))

    def crm_user_id(self, connector: str, user: str) -> str:
        """By which id this CRM knows our user; "" when it does not."""
        return self.ids_of(user).get(connector, "")

    def ids_of(self, user: str) -> Mapping[str, str]:
        """All ids by which CRMs know our user, by the CRMs' names."""
        return self._theirs.get(user, {})

    def unknown_to(self, crm: str) -> tuple[User, ...]:
        """Those of our users whom this CRM knows by no id."""
        return tuple(user for user in self._users if crm not in self.ids_of(user.id))

    def unlisted(self, crm: str) -> tuple[Unlisted, ...]:
        """The ids of the configuration that this CRM does not list, where it has listed any."""
        listed = self.listed(crm)
        if listed is None:
            return ()
        there = {user.id for user in listed.users}
        configured = ((user.id, user.crm_ids.get(crm)) for user in self._users)
        return tuple(
            Unlisted(user=user, crm_id=id_) for user, id_ in configured if id_ is not None and id_ not in there
        )

    def _match(self, changed: Iterable[CrmUserList]) -> None:
        """Find out anew who the users of these lists are; of thousands that takes a moment, so of no others."""
        changes = {
            listed.connector: matches(listed.connector, listed.users, self._users, self._region)
            for listed in changed
            if listed.connector in self._connectors
        }
        known = {**self._matches, **changes}
        self._matches = {crm: match for crm, match in known.items() if crm in self._connectors}
        found = [(crm, match) for crm, each in self._matches.items() for match in each if match.user]
        self._ours = {(crm, match.listed.id): match.user for crm, match in found}
        self._theirs = {user.id: {} for user in self._users}
        for crm, match in found:
            self._theirs[match.user][crm] = match.listed.id
        for user in self._users:
            self._theirs[user.id] |= user.crm_ids
