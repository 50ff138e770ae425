"""What a document says, read and checked: frozen, and free of anything that belongs to one installation.

Whoever runs a hook asks `request.render` for the bytes and `answer.read_answer` for what came back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agi_router.routing.path import JsonPath
from agi_router.routing.route import Scalar
from ari_app.crm.document.text import Text
from ari_app.domain.crm import Abilities, HookName, OnceBy

MOST_PAGES = 1000
MOST_STEPS = 4
DEFAULT_NUMBER_FORMS = ("e164", "national", "digits")


class PropertyType(StrEnum):
    """How a property's field looks in a form."""

    TEXT = "text"
    PASSWORD = "password"  # noqa: S105 - the name of a type
    URL = "url"
    SELECT = "select"


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A field of the form that whoever connects the CRM fills in. `options` are those of a SELECT."""

    name: str
    label: str = ""
    type: PropertyType = PropertyType.TEXT
    is_required: bool = True
    default: str = ""
    hint: str = ""
    options: tuple[str, ...] = ()

    @property
    def is_secret(self) -> bool:
        """Whether its value is kept sealed and shown to nobody."""
        return self.type is PropertyType.PASSWORD

    @property
    def shown_default(self) -> str:
        """The default where it may be told, else ""."""
        return "" if self.is_secret else self.default


@dataclass(frozen=True, slots=True)
class NoAuthTexts:
    """The CRM asks for no credentials, or they are written into headers or the query."""


@dataclass(frozen=True, slots=True)
class BasicTexts:
    """`auth: {type: Basic}`; the texts name properties only."""

    username: Text
    password: Text


@dataclass(frozen=True, slots=True)
class BearerTexts:
    """`auth: {type: Bearer}`."""

    token: Text


@dataclass(frozen=True, slots=True)
class KeyTexts:
    """`auth: {type: Header}` or `{type: Query}`: a key in a header or query field of this name."""

    is_header: bool
    name: str
    value: Text


class Flow(StrEnum):
    """How the first token is come by, RFC 6749 sections 4.1 and 4.4."""

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Texts:
    """`OAuth2`. The parameters are sent besides those that the flow has by itself; all texts name properties only."""

    flow: Flow
    client_id: Text
    client_secret: Text
    authorization_endpoint: Text
    token_endpoint: Text
    scope: Text
    authorization_parameters: tuple[tuple[str, Text], ...] = ()
    token_parameters: tuple[tuple[str, Text], ...] = ()
    is_basic: bool = False  # whether the client shows itself to the token endpoint by Basic, RFC 6749 section 2.3.1
    scheme: str = "Bearer"  # in front of the token in Authorization


AuthTexts = NoAuthTexts | BasicTexts | BearerTexts | KeyTexts | OAuth2Texts


JsonText = Text | Scalar | list["JsonText"] | dict[str, "JsonText"]
LEFT_OUT_WITHOUT = "$if$"
"""The key of an object in a JSON body that is left out when this text of it renders to nothing."""


@dataclass(frozen=True, slots=True)
class NoBody:
    """Nothing is sent behind the headers."""


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A document whose texts are templates; `$file_base64$` may stand in it once, alone in its text."""

    content: JsonText


@dataclass(frozen=True, slots=True)
class FormBody:
    """application/x-www-form-urlencoded."""

    fields: tuple[tuple[str, Text | Scalar], ...]


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """multipart/form-data (RFC 7578). The part `file_part` is the file; "" when there is none."""

    fields: tuple[tuple[str, Text | Scalar], ...]
    file_part: str = ""


@dataclass(frozen=True, slots=True)
class FileBodyText:
    """The file itself is the body."""


Body = NoBody | JsonBody | FormBody | MultipartBody | FileBodyText


@dataclass(frozen=True, slots=True)
class Source:
    """Where in a record a variable stands: keys and places in lists, one below the other; () is the record itself.

    A key that the record does not have as it is written is a path, by `paths`.
    """

    keys: tuple[str | int, ...]
    paths: Mapping[str, JsonPath] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMap:
    """Where the records stand, and what is taken from each.

    `records` None: the answer is the one record. `is_vendors`: it is the key `records` of Ringotel's documents, which
    also means an answer that is the list itself. `sources` are tried in their order, `fixed` fill what is left empty.
    """

    records: JsonPath | None
    is_vendors: bool = False
    sources: Mapping[str, Sequence[Source]] = field(default_factory=dict)
    fixed: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """When an answer with a good status says that it failed.

    What stands at `path` is an error when it is one of `values`; or when it is none of `good`; or, without both, when
    it is anything but null, false, an empty text, list or object. `message` are the paths to its words.
    """

    path: JsonPath
    values: frozenset[str] = frozenset()
    good: frozenset[str] = frozenset()
    message: tuple[JsonPath, ...] = ()


class PagingBy(StrEnum):
    """How the next page is asked for."""

    LINK = "link"  # the answer has its URL
    LINK_HEADER = "link_header"  # the header Link has its URL, RFC 8288
    CURSOR = "cursor"  # the answer has what becomes $cursor$
    OFFSET = "offset"  # $offset$ grows by the records of each page
    PAGE = "page"  # $page$ grows by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """`paging`. `limit` is how many records a full page has: OFFSET and PAGE end with a page that is not full."""

    by: PagingBy
    path: JsonPath | None = None
    limit: int = 100
    first: int = 1
    most: int = 200


_SETTING: Final = frozenset({"GET", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook: a request, and how its answer is read.

    `path` is below `base`, None being the document's. `then` is a request that follows when this one
    succeeded, with the values of its first record added. `no_records` are statuses that mean an empty answer, `good`
    those besides 2xx whose answers are read. `needs` is what a record of the
    answer is nothing without; "" for nothing. `lists_changes`: it can be asked for what has changed since a moment.
    """

    name: HookName
    method: str
    base: Text | None = None
    path: Text
    path_query: Text
    headers: Mapping[str, Text] = field(default_factory=dict)
    query: tuple[tuple[str, Text | Scalar], ...] = ()
    body: Body = field(default_factory=NoBody)
    records: RecordMap | None = None
    needs: str = ""
    error: ErrorRule | None = None
    no_records: frozenset[int] = frozenset()
    good: frozenset[int] = frozenset()
    paging: Paging | None = None
    lists_changes: bool = False
    is_idempotent: bool = False
    visible_after_s: float = 0.0
    number_forms: tuple[str, ...] = DEFAULT_NUMBER_FORMS
    then: "Hook | None" = None

    @property
    def takes_file(self) -> bool:
        """Whether the recording itself travels with this request."""
        match self.body:
            case FileBodyText():
                return True
            case MultipartBody():
                return bool(self.body.file_part)
            case JsonBody():
                return _has_file(self.body.content)
            case _:
                return False

    @property
    def is_repeatable(self) -> bool:
        """Whether it comes to the same when it is carried out twice (RFC 9110 section 9.2.2, and PATCH that sets)."""
        return self.is_idempotent or all(step.method in _SETTING for step in self.steps)

    @property
    def steps(self) -> tuple["Hook", ...]:
        """This request and those that follow it, in their order."""
        return (self, *(self.then.steps if self.then else ()))


@dataclass(frozen=True, slots=True)
class ValueTable:
    """A name of the document's own: what a variable's values are called by the CRM. Without case."""

    of: str
    values: Mapping[str, str]
    otherwise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A CRM as a document tells it. `notes` are what was read and has no meaning here, each a sentence."""

    id: str
    name: str
    description: str = ""
    properties: tuple[Property, ...] = ()
    auth: AuthTexts = field(default_factory=NoAuthTexts)
    base_url: Text
    hooks: Mapping[HookName, Hook]
    tables: Mapping[str, ValueTable] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def abilities(self) -> Abilities:
        """What connectors of this document can do."""
        find = self.hooks.get(HookName.FIND_CONTACT)
        find_activity = self.hooks.get(HookName.FIND_ACTIVITY)
        create = self.hooks.get(HookName.CREATE_ACTIVITY)
        if create is not None and create.is_idempotent:
            once_by = OnceBy.KEY
        else:
            once_by = OnceBy.NOTHING if find_activity is None else OnceBy.FINDING
        return Abilities(
            hooks=frozenset(self.hooks),
            once_by=once_by,
            visible_after_s=0.0 if find_activity is None else find_activity.visible_after_s,
            lists_changes=frozenset(name for name, hook in self.hooks.items() if hook.lists_changes),
            repeatable=frozenset(name for name, hook in self.hooks.items() if hook.is_repeatable),
            number_forms=DEFAULT_NUMBER_FORMS if find is None else find.number_forms,
        )

    @property
    def secret_names(self) -> frozenset[str]:
        """The properties whose values nobody is shown."""
        return frozenset(each.name for each in self.properties if each.is_secret)


def _has_file(content: JsonText) -> bool:
    match content:
        case Text():
            return "file_base64" in content.names
        case dict():
            return any(map(_has_file, content.values()))
        case list():
            return any(map(_has_file, content))
        case _:
            return False
