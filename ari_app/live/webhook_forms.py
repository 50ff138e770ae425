"""What people ask of webhooks, read and checked: addresses, filters and headers that a subscription may have."""

import re
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from agi_router.document.problems import suggestion
from agi_router.lookup.guard import NetworkGuard
from agi_router.routing.numbers import normalise
from agi_router.settings.request_headers import header_name
from ari_app.control.settings import ControlError
from ari_app.domain.deliveries import DeliveryFilter
from ari_app.domain.history import Period
from ari_app.domain.notices import NoticeType
from ari_app.domain.record import Direction
from ari_app.domain.webhooks import DeliveryState, NoticeFilter, Subscription
from ari_app.settings import Settings
from ari_app.webhooks.templates.document import WebhookTemplate
from ari_app.webhooks.templates.shipped import shipped, shipped_names

EXTENSION: Final = re.compile(r"[0-9*#]{1,15}")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
ID_PREFIX: Final = "wh_"
RESERVED: Final = frozenset({"event-types"})
"""Names that are something else in the paths of the REST API."""
LONGEST_URL: Final = 2048
MOST_VALUES: Final = 100
MOST_HEADERS: Final = 20
MOST_REPLAYED: Final = 10_000
LONGEST_OVERLAP_S: Final = 30 * 86_400
LONGEST_ID: Final = 2**63 - 1
STORABLE: Final = r"^[^\x00]*$"
"""PostgreSQL takes no other text, not even to look for it."""
MOST_NAMED: Final = 10
"""So many right words fit into a sentence."""

_OURS: Final = frozenset({"content-type", "user-agent"})
"""Headers that the request has by what it carries. A name that begins with `webhook-` is the signature's."""

Words = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=128, pattern=STORABLE)]], Field(max_length=MOST_VALUES)
]
Headers = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=4096)]],
    Field(max_length=MOST_HEADERS),
]


class WebhookError(ControlError):
    """It cannot be done; `code` is for programs."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} [{code}]", remedy)
        self.code = code
        self.message = message


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies before the year 1 or after 9999 in UTC; write another one") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""In UTC: no database takes one that is none there."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChangeForm(_Form):
    """What is to be another one from now on; what is left out stays. A list or `headers` replaces the one before."""

    name: str | None = Field(default=None, min_length=1, max_length=64, examples=["crm"])
    url: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_URL, examples=["https://crm.example.com/hooks/pbx"]
    )
    types: Words | None = Field(
        default=None, description="such as call.ended, or call.* for a family; none: all", examples=[["call.*"]]
    )
    users: Words | None = Field(default=None, description="ids: only what concerns one of these users")
    teams: Words | None = Field(default=None, description="ids")
    queues: Words | None = Field(default=None, description="ids")
    numbers: Words | None = Field(default=None, description="on either side, in any form", examples=[["+14155550100"]])
    routes: Words | None = Field(default=None, description="names")
    directions: Annotated[list[Direction], Field(max_length=4)] | None = None
    template: str | None = Field(
        default=None, max_length=64, description='the name of a template; "": events as they are'
    )
    headers: Headers | None = Field(default=None, description="go with every request", examples=[{"X-Source": "pbx"}])
    enabled: bool | None = None


class NewForm(ChangeForm):
    """A new subscription. Without any of the filters it gets everything."""

    name: str = Field(min_length=1, max_length=64, examples=["crm"])
    url: str = Field(min_length=1, max_length=LONGEST_URL, examples=["https://crm.example.com/hooks/pbx"])


class RotateForm(_Form):
    """The secret until now signs beside the new one for `keep_old_s` more seconds."""

    keep_old_s: int = Field(default=86_400, ge=0, le=LONGEST_OVERLAP_S)


class ReplayForm(_Form):
    """Which events are to be sent again: those between two moments, of these types, that the subscription takes."""

    since: Moment = Field(examples=["2026-11-21T09:00:00Z"])
    before: Moment | None = Field(default=None, description="else up to now")
    types: Words = Field(default_factory=list, examples=[["call.ended"]])
    only_failed: bool = Field(default=False, description="only those whose delivery was given up")
    limit: int = Field(default=1000, ge=1, le=MOST_REPLAYED)
    cursor: int | None = Field(default=None, ge=1, le=LONGEST_ID, description="`next` of the answer before")


class DeliveriesForm(_Form):
    """Which deliveries, the newest first: all that is given holds, of several values one."""

    state: list[DeliveryState] = Field(default_factory=list, max_length=3)
    type: Words = Field(default_factory=list, description="of the event: call.ended, call.*")
    call_id: str = Field(default="", max_length=64, pattern=STORABLE, description="of the call that it tells of")
    subject: str = Field(default="", max_length=128, pattern=STORABLE, examples=["device/PJSIP/ada"])
    since: Moment | None = Field(default=None, description="happened then or later")
    before: Moment | None = Field(default=None, description="happened before")
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: int | None = Field(default=None, ge=1, le=LONGEST_ID, description="`next` of the page before")

    def wanted(self) -> DeliveryFilter:
        """As a filter. Raises WebhookError."""
        return DeliveryFilter(
            states=frozenset(self.state),
            types=types_of(self.type),
            call_id=self.call_id,
            subject=self.subject,
            period=Period(self.since, self.before),
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration in force says of it. `templates` are the names of those that there are, `own_templates`
    the operator's own.
    """

    guard: NetworkGuard
    region: str
    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()
    own_templates: Mapping[str, WebhookTemplate] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """Those of this configuration."""
        routing = settings.routing
        return cls(
            guard=routing.guard,
            region=routing.policy.region,
            users=frozenset(user.id for user in routing.users),
            teams=frozenset(team.id for team in routing.teams),
            queues=frozenset(queue.id for queue in routing.queues),
            routes=frozenset(route.name for route in routing.routes),
            templates=frozenset([*settings.webhooks.templates, *shipped_names()]),
            own_templates=settings.webhooks.templates,
        )


@dataclass(slots=True)
class Checked:
    """What was asked for, as it can be kept, and what is allowed and probably not meant."""

    values: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def check(form: ChangeForm, rules: Rules, before: NoticeFilter) -> Checked:
    """The fields of a subscription that change. Raises WebhookError."""
    checked = Checked()
    given = form.model_dump(exclude_none=True)
    if "name" in given:
        checked.values["name"] = _name(given["name"])
    if "url" in given:
        checked.values["url"] = given["url"]
        checked.warnings += url_warnings(given["url"], rules.guard)
    if "headers" in given:
        checked.values["headers"] = _headers(given["headers"])
    if "template" in given:
        checked.values["template"] = _template(given["template"], rules.templates)
    checked.values["wanted"] = _wanted(given, rules, before, checked.warnings)
    return checked


def template_warnings(webhook: Subscription, rules: Rules) -> list[str]:
    """What its template needs and it does not have."""
    if webhook.template not in rules.templates:
        return []
    template = rules.own_templates.get(webhook.template) or shipped()[webhook.template]
    given = {header.lower() for header in webhook.headers}
    warnings = [
        f"the template {template.name} uses the header {header}, which this webhook does not have"
        for header in sorted(template.wants)
        if header.lower() not in given
    ]
    if webhook.wanted.types and not webhook.wanted.types & template.types:
        known = ", ".join(sorted(template.types))
        warnings.append(f"the template {template.name} makes nothing of these types of events, but of {known}")
    return warnings


def types_of(words: Sequence[str]) -> frozenset[NoticeType]:
    """Those that are named, `call.*` being a family. Raises WebhookError for a word that names none."""
    return frozenset(type_ for word in words for type_ in _named(word))


def _named(word: str) -> Sequence[NoticeType]:
    if word == "*":
        return list(NoticeType)
    family = word.removesuffix("*") if word.endswith(".*") else None
    named = [each for each in NoticeType if each == word or (family is not None and each.startswith(family))]
    if not named:
        known = [*NoticeType, *sorted({f"{each.partition('.')[0]}.*" for each in NoticeType})]
        raise WebhookError(
            "event_type_unknown",
            f"there is no type of event {word!r}{_near(word, known)}",
            "agi-router webhooks types lists them; call.* stands for all of calls.",
        )
    return named


def url_warnings(url: str, guard: NetworkGuard) -> list[str]:
    """What is allowed and probably not meant. Raises WebhookError for an address that nothing can be sent to."""
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise _bad_url("holds characters that no URL has", "Write others as %XX; a name of a host as xn--.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url(f"cannot be read: {error}", "Write it as https://crm.example.com/hooks.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_url("is not one of http or https", "Write it as https://crm.example.com/hooks.")
    if parts.username is not None or parts.password is not None:
        raise _bad_url("holds a user or a password", "Send credentials in a header: they are kept sealed there.")
    if parts.fragment or url.endswith("#"):
        raise _bad_url("has a fragment (#…), which is never sent", "Leave it out.")
    try:
        address = _literal(host)
    except UnicodeError:  # of the codec of names, for a label that is empty or longer than 63 letters
        raise _bad_url(f"names the host {host}, which no host is called", "Look for a dot too much.") from None
    if address is not None and not guard.permits(address):
        raise WebhookError(
            "url_not_allowed",
            f"nothing is sent to {address}, which is no public address",
            f"If the receiver really stands there, add {address} to network.allowed_networks, and reload.",
        )
    warnings = []
    if address is None and (host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".lan"))):
        warnings.append(
            f"{host} is probably a private address: nothing is sent there unless network.allowed_networks names it"
        )
    if parts.scheme == "http" and (address is None or ip_address(address).is_global):
        warnings.append("http is not encrypted: whoever is on the way reads numbers and names; use https")
    return warnings


def _literal(host: str) -> str | None:
    """The address that this is, in each form that the system takes (127.1, 0x7f000001); None of a name."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return str(found[0][4][0])


def _bad_url(what: str, remedy: str) -> WebhookError:
    return WebhookError("bad_url", f"the URL {what}", remedy)


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise _bad_name(name, "holds more than letters, digits and . _ - @")
    if name.startswith(ID_PREFIX) or name in RESERVED:
        raise _bad_name(name, "is kept for the router itself")
    return name


def _bad_name(name: str, what: str) -> WebhookError:
    return WebhookError("bad_name", f"the name {name!r} {what}", "Take another one, such as crm.")


def _headers(given: Mapping[str, str]) -> Mapping[str, str]:
    taken: set[str] = set()
    for name, value in given.items():
        wrong = _header_mistake(name, value, taken)
        if wrong:
            what, _, remedy = wrong.partition("; ")
            raise WebhookError("bad_header", f"the header {name!r} {what}", f"{remedy[:1].upper()}{remedy[1:]}.")
        taken.add(name.lower())
    return dict(given)


def _header_mistake(name: str, value: str, taken: Collection[str]) -> str:
    """What is wrong with it, and what to do; "" for nothing."""
    try:
        header_name(name)
    except ValueError as error:
        return str(error)
    lower = name.lower()
    if lower.startswith("webhook-") or lower in _OURS:
        return "is set by the router itself; take it away"
    if lower in taken:
        return "is there twice; take one away"
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        return "has a value that no header can have; write it in ASCII, without line breaks"
    return ""


def _template(name: str, known: frozenset[str]) -> str:
    if name and name not in known:
        raise WebhookError(
            "template_unknown",
            f"there is no template {name!r}{suggestion(name, sorted(known))}",
            "Take one that there is, or none: then events are sent as they are. Restart the router if it is a new one.",
        )
    return name


def _wanted(given: Mapping[str, Any], rules: Rules, before: NoticeFilter, warnings: list[str]) -> NoticeFilter:
    def chosen(name: str) -> frozenset[str]:
        return frozenset(given[name]) if name in given else getattr(before, name)

    for name, known in (
        ("users", rules.users),
        ("teams", rules.teams),
        ("queues", rules.queues),
        ("routes", rules.routes),
    ):
        unknown = sorted(set(given.get(name, ())) - known)
        if unknown:
            near = _near(unknown[0], sorted(known))
            warnings.append(f"the configuration has none of these {name}: {', '.join(unknown)}{near}")
    return NoticeFilter(
        types=types_of(given["types"]) if "types" in given else before.types,
        users=chosen("users"),
        teams=chosen("teams"),
        queues=chosen("queues"),
        numbers=frozenset(_number(each, rules.region) for each in given["numbers"])
        if "numbers" in given
        else before.numbers,
        routes=chosen("routes"),
        directions=frozenset(str(each) for each in given["directions"]) if "directions" in given else before.directions,
    )


def _near(wrong: str, known: Sequence[str]) -> str:
    """The right word that is nearest; all of them when none is near, and they are few."""
    said = suggestion(wrong, known)
    return said if len(known) <= MOST_NAMED or "did you mean" in said else ""


def _number(given: str, region: str) -> str:
    number = normalise(given, region)
    if number is None and EXTENSION.fullmatch(given):
        return given
    if number is None:
        raise WebhookError(
            "number_malformed",
            f"{given!r} is no telephone number",
            "Write it in E.164, such as +14155550100, or an extension as it is.",
        )
    return number
