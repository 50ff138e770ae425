"""The shape of `request`: the question and its credentials."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from agi_router.document import Section
from agi_router.routing.auth import ClientAuth, KeyPlace
from agi_router.routing.route import DEFAULT_DEADLINE_S, Send
from agi_router.settings.values import (
    BodyTemplate,
    FieldTemplate,
    GivenSecret,
    HeaderName,
    HeaderTemplate,
    Name,
    OneLine,
    OneLineSecret,
    OptionalOneLineSecret,
    RpcMethod,
    TokenParameter,
    TokenUrl,
    UpperCase,
    Url,
)


class NoAuthSection(Section):
    """`{type: none}`."""

    type: Literal["none"] = "none"


class BasicAuthSection(Section):
    """`{type: basic, username, password}`."""

    type: Literal["basic"]
    username: Annotated[str, Field(pattern=r"^[^:]*$")]
    password: GivenSecret


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


class CrmRequestSection(Section):
    """`request` of a route by which a CRM connector decides."""

    crm: Name
    deadline_s: float = Field(default=DEFAULT_DEADLINE_S, ge=0.1, le=10)


_OF_AN_API, _OF_A_CRM = "of an API", "of a CRM"
"""Names of branches, and of no key: validation takes them out of the path of a problem."""


def _asks_a_crm(given: Any) -> str:
    of_a_file = isinstance(given, dict) and "crm" in given and "url" not in given
    return _OF_A_CRM if of_a_file or isinstance(given, CrmRequestSection) else _OF_AN_API


AnyRequestSection = Annotated[
    Annotated[RequestSection, Tag(_OF_AN_API)] | Annotated[CrmRequestSection, Tag(_OF_A_CRM)],
    Discriminator(_asks_a_crm),
]
