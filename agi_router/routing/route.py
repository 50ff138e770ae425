"""A route: what is asked, how the answer is read, how long it rings, and what comes after. As configured, checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from agi_router.routing.auth import Auth, NoAuth
from agi_router.routing.destination import Destination, DestinationType
from agi_router.routing.hours import Calendar
from agi_router.routing.needs import Ahead, Needs
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.path import JsonPath
from agi_router.routing.shown import Showing
from agi_router.routing.template import Template, needs
from agi_router.routing.treatment import Treatment
from agi_router.routing.understood import Understood
from agi_router.routing.url_template import UrlTemplate

DEFAULT_DEADLINE_S = 3.0
DEFAULT_RING_S = 25.0
SHORTEST_RING_S = 5.0
LONGEST_RING_S = 3600.0
VARIABLE_PREFIX = "AGI_ROUTER_CRM_"
"""What an answer carries can set variables under this prefix only, none of which has a meaning to Asterisk or us."""

Scalar = int | float | bool | None
JsonTemplate = Template | Scalar | list["JsonTemplate"] | dict[str, "JsonTemplate"]


class Send(StrEnum):
    """Where the fields of a request travel."""

    QUERY = "query"
    FORM = "form"
    HEADERS = "headers"
    JSON = "json"
    JSON_RPC = "json-rpc"

    @property
    def fills_the_body(self) -> bool:
        """Whether the fields make up the body of the request."""
        return self in {Send.FORM, Send.JSON, Send.JSON_RPC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The question to the API. `body` is a nested JSON template and excludes `fields`; keys are never templates.

    JSON-RPC has an `rpc_method`, and the fields or the body, a dict or a list then, are its params.
    `second_url` is asked when `url` fails, inside the same deadline, with `second_auth` as its credentials.
    """

    method: str
    url: UrlTemplate
    send: Send = Send.QUERY
    fields: Mapping[str, Template | Scalar] = field(default_factory=dict)
    body: JsonTemplate = None
    rpc_method: str = ""
    headers: Mapping[str, Template] = field(default_factory=dict)
    auth: Auth = field(default_factory=NoAuth)
    deadline_s: float = DEFAULT_DEADLINE_S
    ca_file: Path | None = None
    second_url: UrlTemplate | None = None
    second_auth: Auth = field(default_factory=NoAuth)

    @property
    def urls(self) -> tuple[UrlTemplate, ...]:
        """The URLs in the order in which they are asked."""
        return (self.url,) if self.second_url is None else (self.url, self.second_url)

    @property
    def second(self) -> "Request | None":
        """The same question to the second URL; None when there is none."""
        if self.second_url is None:
            return None
        return replace(self, url=self.second_url, auth=self.second_auth, second_url=None)

    def variables(self) -> frozenset[str]:
        """The variables that its templates name."""
        templates = [*self.headers.values(), *_templates(self.body), *_templates(list(self.fields.values()))]
        in_urls = (url.variables for url in self.urls)
        return frozenset[str]().union(*in_urls, *(template.variables for template in templates))

    def needs(self) -> Needs:
        """The headers and channel variables among them."""
        return needs(self.variables())


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmRequest:
    """The question to a CRM connector, by its name: whose contact is the caller? The contact's owner is the answer."""

    crm: str
    deadline_s: float = DEFAULT_DEADLINE_S

    def variables(self) -> frozenset[str]:
        """The variable that it asks with."""
        return frozenset({"callerNumber"})


class AnswerFormat(StrEnum):
    """How the API's answer is written."""

    JSON = "json"
    TEXT = "text"
    JSON_RPC = "json-rpc"


OWN_WORDS: Mapping[str, DestinationType] = {type_.value: type_ for type_ in DestinationType}


@dataclass(frozen=True, slots=True, kw_only=True)
class Carries:
    """Where an answer has what the phones are to show; each paths are tried in their order, and all may lead nowhere.

    The keys of `headers` are names of SIP headers, those of `variables` names of channel variables with their prefix.
    """

    caller_name: tuple[JsonPath, ...] = ()
    ring_s: tuple[JsonPath, ...] = ()
    record: tuple[JsonPath, ...] = ()
    headers: Mapping[str, tuple[JsonPath, ...]] = field(default_factory=dict)
    variables: Mapping[str, tuple[JsonPath, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How the answer becomes a destination. `paths` are tried in their order; a text answer has none.

    `values` is asked first: what the answer may say, case-folded ("" is no value), and what that means. For any other
    value the type is `type`, or what the answer says at `type_paths`, by the case-folded words of `types`; with
    neither, the table must know the value. `crm` names the CRM that values of type user are ids of. With `confirm`
    whoever picks up at a number outside has to confirm it.
    """

    format: AnswerFormat
    type: DestinationType | None = None
    paths: tuple[JsonPath, ...] = ()
    type_paths: tuple[JsonPath, ...] = ()
    types: Mapping[str, DestinationType] = field(default_factory=lambda: OWN_WORDS)
    crm: str | None = None
    confirm: bool = False
    values: Mapping[str, Understood] = field(default_factory=dict)
    carries: Carries = field(default_factory=Carries)


@dataclass(frozen=True, slots=True)
class Ringing:
    """How the answer's destination rings; `timeout_s` from 5 to 3600 seconds. `order` None takes the team's own."""

    timeout_s: float = DEFAULT_RING_S
    ahead: Ahead = Ahead.OFF
    order: Order | None = None
    if_busy: IfBusy = IfBusy.RING


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """For how many seconds an answer is used again: instead of asking, and when the API is down. 0 is never."""

    cache_s: float = 0.0
    last_good_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FallbackStep:
    """What is tried when the answer led nowhere, for at most `timeout_s` seconds. `order` None takes the team's own."""

    destination: Destination
    timeout_s: float
    order: Order | None = None
    if_busy: IfBusy = IfBusy.RING


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Request, response, ringing and fallback under a name. `fallback` None takes the one of `defaults`.

    `hours` None is always open; outside of them nothing is asked, and `closed` comes, None being the fallback.
    """

    name: str
    request: Request | CrmRequest
    response: Response
    ringing: Ringing = field(default_factory=Ringing)
    remember: Remember = field(default_factory=Remember)
    treatment: Treatment = field(default_factory=Treatment)
    showing: Showing = field(default_factory=Showing)
    fallback: tuple[FallbackStep, ...] | None = None
    hours: Calendar | None = None
    closed: tuple[FallbackStep, ...] | None = None

    @property
    def http_request(self) -> Request | None:
        """The request, unless it is a CRM connector that is asked."""
        return self.request if isinstance(self.request, Request) else None

    def needs(self) -> Needs:
        """What is wanted of a call before it is decided."""
        return replace(needs(self.request.variables() | self.showing.variables()), ahead=self.ringing.ahead)


def _templates(node: JsonTemplate) -> Iterator[Template]:
    match node:
        case Template():
            yield node
        case dict():
            for item in node.values():
                yield from _templates(item)
        case list():
            for item in node:
                yield from _templates(item)
