"""The keys of a document, as they are written; what stands between dollar signs is looked at afterwards."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from agi_router.document import Section
from agi_router.routing.numbers import WrittenForm
from agi_router.settings.values import HeaderName, UpperCase
from ari_app.crm.document.model import MOST_PAGES, PagingBy
from ari_app.domain.crm import HookName

Method = Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], UpperCase]
Status = Annotated[int, Field(ge=200, le=599)]
Written = dict[str, Any]
Lower = BeforeValidator(lambda given: given.lower() if isinstance(given, str) else given)


def _several(given: Any) -> Any:
    return given if isinstance(given, list) else [given]


def _with_path(given: Any) -> Any:
    return {"path": given} if isinstance(given, str) else given


def _default_of(given: Any) -> Any:
    """Ringotel writes some values of `OAuth2` as `{"default": value}`."""
    return given["default"] if isinstance(given, dict) and set(given) == {"default"} else given


Paths = Annotated[list[str], BeforeValidator(_several)]
Words = Annotated[list[str], BeforeValidator(_several)]
Defaulted = BeforeValidator(_default_of)


class AuthSection(Section):
    """`auth`."""

    type: Annotated[Literal["none", "basic", "bearer", "header", "query", "oauth2"], Lower]
    username: str | None = None
    password: str | None = None
    token: str | None = None
    name: str | None = None
    value: str | None = None


class OAuth2Section(Section):
    """`OAuth2`."""

    client_id: str
    client_secret: str = ""
    flow_type: Annotated[str, Defaulted] = ""
    authorization_endpoint: str = ""
    authorization_parameters: Annotated[str | dict[str, str], Defaulted] = ""
    token_endpoint: str
    token_parameters: Annotated[str | dict[str, str], Defaulted] = ""
    scope: str = ""
    request_auth: str = "Bearer"
    client_auth: Literal["body", "basic"] = "body"


class ErrorSection(Section):
    """`error`."""

    path: str
    when: Words = Field(default_factory=list)
    unless: Words = Field(default_factory=list)
    message: Paths = Field(default_factory=list)


class PagingSection(Section):
    """`paging`."""

    by: PagingBy
    path: str | None = None
    limit: int = Field(default=100, ge=1, le=10_000)
    first: int = Field(default=1, ge=0, le=1)
    most: int = Field(default=200, ge=1, le=MOST_PAGES)


class HookSection(Section):
    """One hook. `request_headers`, `request_query` and `request_body` are the same as the keys without `request_`."""

    request_method: Method = "GET"
    request_path: str
    headers: dict[HeaderName, str] | None = None
    request_headers: dict[HeaderName, str] | None = None
    query: Written | None = None
    request_query: Written | None = None
    body: Any = None
    request_body: Any = None
    form: Written | None = None
    multipart: Written | None = None
    response_map: Any = None
    records_path: str | None = None
    set_: dict[str, str] = Field(default_factory=dict, alias="set")
    error: Annotated[ErrorSection | None, BeforeValidator(_with_path)] = None
    no_records_statuses: list[Status] | None = None
    good_statuses: list[Status] = Field(default_factory=list)
    paging: PagingSection | None = None
    idempotent: bool = False
    visible_after_s: float = Field(default=0.0, ge=0, le=3600)
    number_forms: list[WrittenForm] | None = Field(default=None, min_length=1, max_length=len(WrittenForm))
    then: "HookSection | None" = None


class TableSection(Section):
    """One of `values`."""

    of: str
    map: dict[str, str]
    default: str = ""


class HooksSection(Section):
    """The hooks, by their names."""

    users: HookSection | None = Field(default=None, alias="Users")
    contacts: HookSection | None = Field(default=None, alias="Contacts")
    organizations: HookSection | None = Field(default=None, alias="Organizations")
    find_contact: HookSection | None = Field(default=None, alias="FindContact")
    create_contact: HookSection | None = Field(default=None, alias="CreateContact")
    update_contact: HookSection | None = Field(default=None, alias="UpdateContact")
    create_activity: HookSection | None = Field(default=None, alias="CreateActivity")
    find_activity: HookSection | None = Field(default=None, alias="FindActivity")
    assign_activity: HookSection | None = Field(default=None, alias="AssignActivity")
    update_activity: HookSection | None = Field(default=None, alias="UpdateActivity")
    stop_call_activity: HookSection | None = Field(default=None, alias="StopCallActivity")
    update_call_recording: HookSection | None = Field(default=None, alias="UpdateCallRecording")

    def by_name(self) -> dict[HookName, HookSection]:
        """Those that are there."""
        found = {name: getattr(self, name.name.lower()) for name in HookName}
        return {name: hook for name, hook in found.items() if hook is not None}


class DocumentSection(HooksSection):
    """A whole document. `API` may hold the hooks, instead of the top."""

    id: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=100)
    class_: Literal["crm"] = Field(default="crm", alias="class")
    logo: str = ""
    description: str = ""
    properties: list[Any] | dict[str, Any] | None = None
    auth: AuthSection | None = None
    oauth2: OAuth2Section | None = Field(default=None, alias="OAuth2")
    base_url: str | None = Field(default=None, min_length=1)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    error: Annotated[ErrorSection | None, BeforeValidator(_with_path)] = None
    values: dict[str, TableSection] = Field(default_factory=dict)
    api: HooksSection | None = Field(default=None, alias="API")


KEYS: tuple[str, ...] = tuple(field.alias or name for name, field in DocumentSection.model_fields.items())
"""What may stand at the top."""
