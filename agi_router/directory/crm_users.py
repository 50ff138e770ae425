"""The users that CRMs list, and who of the directory each of them is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

from agi_router.directory.users import ExternalDevice, User
from agi_router.routing.errors import Failure, shown
from agi_router.routing.numbers import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmUser:
    """A user as a CRM lists him; `id` is the CRM's, and "" is what it does not tell."""

    id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    extension: str = ""


class MatchedBy(StrEnum):
    """By what a CRM's user was found to be one of ours. What stands first wins."""

    CRM_IDS = "crm_ids"  # the configuration says so
    EMAIL = "email"
    EXTENSION = "extension"
    PHONE = "phone"  # a number outside that is a device of his


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Who a CRM's user is: our `user` with this id, found `by` this; else `user` is "", and `why` says what to do."""

    listed: CrmUser
    user: str = ""
    by: MatchedBy | None = None
    why: Failure | None = None


class CrmUsers(Protocol):
    """What the router has learnt from the users that CRMs list."""

    def user_of(self, crm: str, crm_id: str) -> str | None:
        """The id of our user whom this CRM knows by this id; None when there is none."""
        ...


class NoCrmUsers:
    """Implements `CrmUsers` where no CRM lists any: the configuration's `crm_ids` are all there is."""

    def user_of(self, crm: str, crm_id: str) -> str | None:  # noqa: ARG002
        """Nobody."""
        return None


def matches(crm: str, listed: Iterable[CrmUser], users: Sequence[User], region: str) -> tuple[Match, ...]:
    """Who the users are that this CRM lists, in its order; `region` is how numbers without a plus are read.

    Each is found by the first of crm_ids, e-mail address (in any case of letters), extension and phone that finds
    anybody; and each of ours is one of the CRM's at most. Where two fit equally, neither is taken: the configuration
    has to say which one is meant.
    """
    keys = _Keys.of(crm, users, region)
    claims = [keys.claim(user) for user in listed]
    best = _best(keys, claims)
    return tuple(_judged(crm, keys, best, claim) for claim in claims)


@dataclass(frozen=True, slots=True)
class _Claim:
    """By what a user of the CRM was found, and which of ours have it."""

    listed: CrmUser
    by: MatchedBy | None = None
    ours: tuple[str, ...] = ()


_Best = Mapping[str, tuple[MatchedBy, list[str]]]
"""For each of our users that is claimed: by what most strongly, and the CRM's ids that claim him so."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """What users of ours are known by, with the ids of those who have it; `names` are for people.

    `configured` are the ids that the configuration gives our users at the CRM.
    """

    by: Mapping[MatchedBy, Mapping[str, tuple[str, ...]]]
    names: Mapping[str, str]
    configured: Mapping[str, str]
    region: str

    @classmethod
    def of(cls, crm: str, users: Sequence[User], region: str) -> "_Keys":
        phones = ((d.number, u.id) for u in users for d in u.devices if isinstance(d, ExternalDevice))
        pairs = {
            MatchedBy.CRM_IDS: ((user.crm_ids[crm], user.id) for user in users if crm in user.crm_ids),
            MatchedBy.EMAIL: ((user.email.casefold(), user.id) for user in users if user.email),
            MatchedBy.EXTENSION: ((user.extension, user.id) for user in users if user.extension),
            MatchedBy.PHONE: phones,
        }
        by = {rule: _grouped(given) for rule, given in pairs.items()}
        configured = {user.id: user.crm_ids[crm] for user in users if crm in user.crm_ids}
        return cls(by, {user.id: user.name or user.id for user in users}, configured, region)

    def claim(self, listed: CrmUser) -> _Claim:
        for rule in MatchedBy:
            known = self.by[rule]
            said = self._said(listed, rule) if known else ""  # numbers take long to read: of thousands, seconds
            if said and said in known:
                return _Claim(listed, rule, known[said])
        return _Claim(listed)

    def _said(self, listed: CrmUser, rule: MatchedBy) -> str:
        """What the CRM says of him that this rule goes by, "" for nothing."""
        match rule:
            case MatchedBy.CRM_IDS:
                return listed.id
            case MatchedBy.EMAIL:
                return listed.email.strip().casefold()
            case MatchedBy.EXTENSION:
                return listed.extension.strip()
            case MatchedBy.PHONE:
                return normalise(listed.phone, self.region) or ""
            case _:
                assert_never(rule)


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    grouped: dict[str, tuple[str, ...]] = {}
    for key, user in pairs:
        if user not in grouped.get(key, ()):
            grouped[key] = (*grouped.get(key, ()), user)
    return grouped


def _best(keys: _Keys, claims: Iterable[_Claim]) -> _Best:
    rank = {rule: place for place, rule in enumerate(MatchedBy)}
    best: dict[str, tuple[MatchedBy, list[str]]] = {}
    for claim in claims:
        if claim.by is None or len(claim.ours) > 1:
            continue
        rule, ids = best.get(claim.ours[0], (claim.by, []))
        if rank[claim.by] < rank[rule]:
            rule, ids = claim.by, []
        if claim.by is rule:
            best[claim.ours[0]] = (rule, [*ids, claim.listed.id])
    for user, crm_id in keys.configured.items():  # also when the CRM does not list whom the configuration names
        best[user] = (MatchedBy.CRM_IDS, [crm_id])
    return best


def _judged(crm: str, keys: _Keys, best: _Best, claim: _Claim) -> Match:
    listed, by, ours = claim.listed, claim.by, claim.ours
    if by is None:
        return Match(listed=listed, why=_unmatched(crm, listed))
    if len(ours) > 1:
        who = " and ".join(keys.names[user] for user in ours)
        why = f"{who} have this {_WORDS[by]} both"
        return Match(listed=listed, why=Failure("crm_user_ambiguous", why, _say_who(crm, listed, "the right one")))
    user = ours[0]
    rule, ids = best[user]
    if ids == [listed.id]:
        return Match(listed=listed, user=user, by=by)
    name = keys.names[user]
    if listed.id in ids:
        others = " and ".join(shown(other) for other in ids if other != listed.id)
        why = f"{others} has the {_WORDS[by]} of {name}, too"
        return Match(listed=listed, why=Failure("crm_user_ambiguous", why, _say_who(crm, listed, name)))
    why = f"{name} has its {_WORDS[by]}, and is {shown(ids[0])} by {_WORDS[rule]}"
    return Match(listed=listed, why=Failure("crm_user_taken", why, _say_who(crm, listed, name)))


def _unmatched(crm: str, listed: CrmUser) -> Failure:
    told = [what for what, said in (("e-mail", listed.email), ("extension", listed.extension)) if said]
    if listed.phone:
        told.append("phone")
    why = f"no user has its {' or '.join(told)}" if told else "the CRM tells no e-mail, extension or phone of it"
    return Failure("crm_user_unmatched", why, _say_who(crm, listed, "its user"))


def _say_who(crm: str, listed: CrmUser, whom: str) -> str:
    return f"if it is one of yours, give {whom} crm_ids: {{{crm}: {shown(listed.id)}}} in directory.users"


_WORDS = {
    MatchedBy.CRM_IDS: "crm_ids",
    MatchedBy.EMAIL: "e-mail",
    MatchedBy.EXTENSION: "extension",
    MatchedBy.PHONE: "phone",
}
