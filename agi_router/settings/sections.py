"""The shape of the routing sections in YAML: which keys there are, and what each may hold."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from agi_router.document import Section
from agi_router.lookup.upstream import UpstreamLimits
from agi_router.routing.auth import ClientAuth, KeyPlace
from agi_router.routing.decider import Ahead
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.route import DEFAULT_DEADLINE_S, DEFAULT_RING_S, Send
from agi_router.settings.response_section import FallbackSection, ResponseSection, exactly_one
from agi_router.settings.values import (
    AllowedNetwork,
    BodyTemplate,
    Email,
    Endpoint,
    FieldTemplate,
    HeaderName,
    HeaderTemplate,
    Name,
    OneLine,
    OneLineSecret,
    OptionalOneLineSecret,
    Origin,
    Region,
    RingSeconds,
    RpcMethod,
    TokenParameter,
    TokenUrl,
    UpperCase,
    Url,
    UserId,
)

DEFAULT_LIMITS = UpstreamLimits()


class DeviceSection(Section):
    """`PJSIP/ada`, `{endpoint: PJSIP/ada}`, or `{external: "+1…", trunk: main}`."""

    endpoint: Endpoint | None = None
    external: str | None = None
    trunk: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_endpoint(cls, given: Any) -> Any:
        return {"endpoint": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        exactly_one(self, ("endpoint", "external"))
        return self


class UserSection(Section):
    """One user."""

    id: UserId
    name: str = ""
    email: Email | None = None
    extension: str | None = None
    crm_ids: dict[Name, UserId] = Field(default_factory=dict)
    devices: tuple[DeviceSection, ...] = ()


class DirectorySection(Section):
    """`directory`."""

    users: tuple[UserSection, ...] = ()


class TrunkSection(Section):
    """One trunk."""

    name: Name
    endpoint: Endpoint
    number_format: NumberFormat = NumberFormat.E164
    caller_id: str | None = None
    trusted: bool = False


class PolicySection(Section):
    """`policy`."""

    regions: tuple[Region, ...] = ()


class NetworkSection(Section):
    """`network`."""

    allowed_networks: tuple[AllowedNetwork, ...] = ()


class UpstreamSection(Section):
    """The limits of one upstream."""

    origin: Origin
    max_concurrent: int = Field(default=DEFAULT_LIMITS.max_concurrent, ge=1, le=1000)
    failures: int = Field(default=DEFAULT_LIMITS.failures, ge=1, le=1000)
    open_s: float = Field(default=DEFAULT_LIMITS.open_s, ge=0.1, le=3600)


class DefaultsSection(Section):
    """`defaults`."""

    region: Region
    timeout_s: RingSeconds = DEFAULT_RING_S
    fallback: tuple[FallbackSection, ...] = ()


class NoAuthSection(Section):
    """`{type: none}`."""

    type: Literal["none"] = "none"


class BasicAuthSection(Section):
    """`{type: basic, username, password}`."""

    type: Literal["basic"]
    username: Annotated[str, Field(pattern=r"^[^:]*$")]
    password: SecretStr


class BearerAuthSection(Section):
    """`{type: bearer, token}`."""

    type: Literal["bearer"]
    token: OneLineSecret


class ApiKeyAuthSection(Section):
    """`{type: api_key, in: header, name, value}`."""

    type: Literal["api_key"]
    place: KeyPlace = Field(alias="in", default=KeyPlace.HEADER)
    name: HeaderName
    value: OneLineSecret


class OAuth2AuthSection(Section):
    """`{type: oauth2, token_url, client_id, client_secret}`, or with a `refresh_token`."""

    type: Literal["oauth2"]
    token_url: TokenUrl
    client_id: OneLine
    client_secret: OptionalOneLineSecret = None
    client_auth: ClientAuth = ClientAuth.BASIC
    scope: OneLine | None = None
    refresh_token: OptionalOneLineSecret = None
    parameters: dict[TokenParameter, OneLine] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.client_secret is None and self.refresh_token is None:
            raise ValueError("asks for a token with nothing; give client_secret, or refresh_token, or both")
        return self


AuthSection = Annotated[
    NoAuthSection | BasicAuthSection | BearerAuthSection | ApiKeyAuthSection | OAuth2AuthSection,
    Field(discriminator="type"),
]


class SameAuthSection(Section):
    """`{type: same}`, for a second URL that may get all that the first one gets."""

    type: Literal["same"]


SecondAuthSection = SameAuthSection | AuthSection


class RequestSection(Section):
    """`request`."""

    method: Annotated[Literal["GET", "POST", "PUT", "DELETE"], UpperCase] | None = None
    url: Url
    send: Send | None = None
    fields: dict[str, FieldTemplate] = Field(default_factory=dict)
    body: BodyTemplate = None
    rpc_method: RpcMethod | None = None
    headers: dict[HeaderName, HeaderTemplate] = Field(default_factory=dict)
    auth: AuthSection = NoAuthSection()
    second_url: Url | None = None
    second_auth: Annotated[SecondAuthSection, Field(discriminator="type")] | None = None
    deadline_s: float = Field(default=DEFAULT_DEADLINE_S, ge=0.1, le=10)
    ca_file: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.body is not None and self.fields:
            raise ValueError("has both fields and body; put all of it into body")
        if self.body is not None and self.send not in {None, Send.JSON, Send.JSON_RPC}:
            raise ValueError(f"has a body, which is sent as json, but says send: {self.send}; take send away")
        if self.method == "GET" and self.sent_as.fills_the_body:
            raise ValueError(f"method GET carries no {self.sent_as}; take method away (POST), or set send: query")
        key_in_query = isinstance(self.auth, ApiKeyAuthSection) and self.auth.place is KeyPlace.QUERY and self.auth.name
        if key_in_query and self.sent_as is Send.QUERY and key_in_query in self.fields:
            raise ValueError(f"has the field {key_in_query}, which auth adds too; take one of them away")
        return self

    @model_validator(mode="after")
    def _has_a_second_url_for_its_auth(self) -> Self:
        if self.second_auth is not None and self.second_url is None:
            raise ValueError("has second_auth, but no second_url; add the URL, or take second_auth away")
        return self

    @model_validator(mode="after")
    def _is_json_rpc_or_not(self) -> Self:
        is_json_rpc = self.send is Send.JSON_RPC
        if is_json_rpc and self.rpc_method is None:
            raise ValueError("is sent as json-rpc and names no method; add rpc_method: with the name the API gives it")
        if self.rpc_method is not None and not is_json_rpc:
            raise ValueError("has an rpc_method, which only JSON-RPC has; set send: json-rpc, or take rpc_method away")
        if is_json_rpc and self.body is not None and not isinstance(self.body, dict | list):
            raise ValueError("has a body that is a single value; the params of JSON-RPC are a mapping or a list")
        return self

    @property
    def sent_as(self) -> Send:
        """`send`, or what the other keys say."""
        if self.send is not None:
            return self.send
        if self.body is not None or (self.method in {"POST", "PUT"} and self.fields):
            return Send.JSON
        return Send.QUERY

    @property
    def sent_by(self) -> str:
        """`method`, or what the other keys say."""
        return self.method or ("POST" if self.sent_as.fills_the_body else "GET")


class RingingSection(Section):
    """`ringing`."""

    timeout_s: RingSeconds | None = None
    ahead: Ahead = Ahead.OFF


class RememberSection(Section):
    """`remember`: for how long; 0 is off."""

    cache_s: float = Field(default=0, ge=0, le=3600)
    last_good_s: float = Field(default=0, ge=0, le=31_536_000)


class RouteSection(Section):
    """One route."""

    request: RequestSection
    response: ResponseSection
    ringing: RingingSection = RingingSection()
    remember: RememberSection = RememberSection()
    fallback: tuple[FallbackSection, ...] | None = None


class RoutingSections(Section):
    """The top-level keys of routing. A program with more of them inherits from this."""

    directory: DirectorySection = DirectorySection()
    trunks: tuple[TrunkSection, ...] = ()
    policy: PolicySection = PolicySection()
    network: NetworkSection = NetworkSection()
    upstreams: tuple[UpstreamSection, ...] = ()
    defaults: DefaultsSection
    routes: dict[Name, RouteSection] = Field(default_factory=dict)
