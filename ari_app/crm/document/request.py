"""One request of a hook: its bytes as they leave, and the same with its secrets masked, fit for a record."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never
from urllib.parse import quote, urlencode

from agi_router import __version__
from agi_router.lookup.masking import MASK, masked_json, masked_pairs, masked_url
from agi_router.routing.decision import SentRequest
from agi_router.routing.errors import RoutingError
from agi_router.routing.route import Scalar
from agi_router.routing.template import as_is, in_header, in_path, in_query
from agi_router.routing.url_template import UrlTemplate
from ari_app.crm.document.credentials import Pairs, credentials
from ari_app.crm.document.file_body import FileBody, media_type, multipart
from ari_app.crm.document.model import (
    LEFT_OUT_WITHOUT,
    Document,
    FileBodyText,
    FormBody,
    Hook,
    JsonBody,
    JsonText,
    MultipartBody,
    NoBody,
)
from ari_app.crm.document.text import Placeholder, Text
from ari_app.domain.crm import Upload

LONGEST_RECORDED: Final = 16_384
_FILE: Final = "\0file\0"  # no value holds a zero byte
_KEPT: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"<>\\^`#')
_LEFT_OUT: Final = object()

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for; `FIRST_PAGE`, and then what `read_answer` says. `url` is that of a link."""

    number: int = 0
    cursor: str = ""
    offset: int = 0
    url: str = ""


FIRST_PAGE: Final = Page()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: a hook (or one of its steps), for one installation's properties and these values of variables.

    `properties` need not have those with a default; a variable that is missing in `values` is "".
    """

    document: Document
    hook: Hook
    properties: Values
    values: Values
    page: Page = FIRST_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What is sent; `record` is what is told about it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | FileBody | None
    record: SentRequest


def render(question: Question, *, upload: Upload | None = None, access_token: str = "") -> Rendered:
    """The request of a question; `access_token` is that of OAuth 2.0.

    Raises RoutingError: `crm_value_missing` for a path with a gap, and for a file that is not there; `crm_base_url`;
    `crm_credentials`.
    """
    document, hook, page, values = question.document, question.hook, question.page, question.values
    filled = with_defaults(document, question.properties)
    masked = {name: MASK if name in document.secret_names and value else value for name, value in filled.items()}
    sent = _Rendering(document, hook, page, upload, {**filled, **_of_call(document, hook, values, page)})
    told = _Rendering(document, hook, page, upload, {**masked, **_of_call(document, hook, values, page)})
    secret_headers, secret_query = credentials(document.auth, filled, access_token)
    body, content_type = sent.body()
    shown = [(name, MASK) for name, _ in secret_query]
    return Rendered(
        method=hook.method,
        url=sent.url(secret_query),
        headers=sent.headers(content_type, secret_headers),
        body=body,
        record=SentRequest(
            method=hook.method,
            url=masked_url(told.url(shown, is_told=True)),
            headers=dict(masked_pairs(told.headers(content_type, dict.fromkeys(secret_headers, MASK)).items())),
            body=told.told_body()[:LONGEST_RECORDED],
        ),
    )


def with_defaults(document: Document, properties: Values) -> dict[str, str]:
    """The value of each property of the document, fit to be sent: what was given, else its default, else ""."""
    return {each.name: _clean(properties.get(each.name) or each.default) for each in document.properties}


def base_url(document: Document, hook: Hook, properties: Values) -> str:
    """What stands in front of the hook's path. Raises RoutingError `crm_base_url`."""
    text = (hook.base or document.base_url).render(properties, as_is).strip()
    try:
        url = UrlTemplate.parse(text)
    except ValueError as error:
        raise _no_address(str(error)) from None
    if url.query.parts or url.variables:
        raise _no_address("has a query or braces, which belong into request_path or query")
    return url.render({}).rstrip("/")


def _no_address(what: str) -> RoutingError:
    remedy = "correct the property that holds it, or base_url of the document"
    return RoutingError("crm_base_url", f"the CRM's address {what}", remedy)


def named_values(document: Document, values: Values) -> dict[str, str]:
    """The values fit to be sent, and those of the document's own tables."""
    clean = {name: _clean(value) for name, value in values.items()}
    for name, table in document.tables.items():
        clean[name] = table.values.get(clean.get(table.of, "").casefold(), table.otherwise)
    return clean


def _of_call(document: Document, hook: Hook, values: Values, page: Page) -> dict[str, str]:
    paging = hook.paging
    of_page = {
        "cursor": page.cursor,
        "offset": str(page.offset),
        "page": str(page.number + (paging.first if paging else 1)),
        "limit": str(paging.limit) if paging else "",
    }
    return {**named_values(document, values), **(of_page if paging else {})}


def _clean(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class _Rendering:
    """One run over a hook's templates, with the values of everything that they can name."""

    document: Document
    hook: Hook
    page: Page
    upload: Upload | None
    values: Values

    def url(self, credentials: Pairs, *, is_told: bool = False) -> str:
        base = base_url(self.document, self.hook, self.values) if not is_told else self._told_base()
        if self.page.url:
            own, separator = self.page.url, "&" if "?" in self.page.url else "?"
            has = {field.partition("=")[0] for field in own.partition("?")[2].split("&")}
            missing = [(name, value) for name, value in credentials if in_query(name) not in has]
            return own + (separator + _query(missing) if missing else "")
        path = "".join(map(self._of_path, self.hook.path.parts))
        query = [self._joined(self.hook.path_query, in_query), _query([*self._pairs(self.hook.query), *credentials])]
        asked = "&".join(filter(None, query))
        return base + path + (f"?{asked}" if asked else "")

    def headers(self, content_type: str, credentials: Mapping[str, str]) -> dict[str, str]:
        own = {"Accept": "application/json, */*;q=0.5", "User-Agent": f"agi-router/{__version__}"}
        if content_type:
            own["Content-Type"] = content_type
        texts = {
            name: text.render(self.values, in_header).strip()
            for name, text in self.hook.headers.items()
            if not text.is_left_out(self.values)
        }
        merged: dict[str, tuple[str, str]] = {}
        for source in (own, {name: text for name, text in texts.items() if text}, credentials):
            merged |= {name.lower(): (name, value) for name, value in source.items()}
        return dict(merged.values())

    def body(self) -> tuple[bytes | FileBody | None, str]:
        """The bytes, and the type of their content."""
        match self.hook.body:
            case NoBody():
                return None, ""
            case JsonBody() as body:
                text = json.dumps(self._json(body.content, self._for_json())).encode()
                head, found, tail = text.partition(json.dumps(_FILE)[1:-1].encode())
                whole = FileBody(head, self._file().path, tail, is_base64=True) if found else text
                return whole, "application/json"
            case FormBody() as body:
                return urlencode(self._pairs(body.fields)).encode(), "application/x-www-form-urlencoded"
            case MultipartBody() as body:
                file = self._file() if body.file_part else None
                return multipart(self._pairs(body.fields), body.file_part, file)
            case FileBodyText():
                file = self._file()
                return FileBody(b"", file.path, b""), media_type(file)
            case _:
                assert_never(self.hook.body)

    def told_body(self) -> str:
        match self.hook.body:
            case NoBody():
                return ""
            case JsonBody() as body:
                values = {**self.values, "file_base64": self._told_file()}
                return json.dumps(masked_json(self._json(body.content, values)), ensure_ascii=False)
            case FormBody() as body:
                return urlencode(masked_pairs(self._pairs(body.fields)), safe="*")
            case MultipartBody() as body:
                file = [(body.file_part, self._told_file())] if body.file_part else []
                return urlencode([*masked_pairs(self._pairs(body.fields)), *file], safe="* (),")
            case FileBodyText():
                return self._told_file()
            case _:
                assert_never(self.hook.body)

    def _told_base(self) -> str:
        return (self.hook.base or self.document.base_url).render(self.values, as_is).strip().rstrip("/")

    def _of_path(self, part: str | Placeholder) -> str:
        if isinstance(part, str):
            return quote(part, safe=_KEPT)
        value = Text((part,)).render(self.values, in_path)
        if not value and not part.is_optional:
            raise RoutingError(
                "crm_value_missing",
                f"{self.hook.name}: ${part.name}$ stands in the path and has no value",
                "see what the hook before it has found; a value of dots only counts as none",
            )
        return value

    def _joined(self, text: Text, encode: Callable[[str], str]) -> str:
        return "".join(
            quote(part, safe=_KEPT) if isinstance(part, str) else Text((part,)).render(self.values, encode)
            for part in text.parts
        )

    def _pairs(self, fields: Iterable[tuple[str, Text | Scalar]]) -> Pairs:
        return [
            (name, _as_text(field.value(self.values) if isinstance(field, Text) else field))
            for name, field in fields
            if not (isinstance(field, Text) and field.is_left_out(self.values))
        ]

    def _json(self, node: JsonText, values: Values) -> Any:
        made = _json(node, values)
        return None if made is _LEFT_OUT else made

    def _for_json(self) -> Values:
        return {**self.values, "file_base64": _FILE} if self.hook.takes_file else self.values

    def _file(self) -> Upload:
        if self.upload is None:
            raise RoutingError(
                "crm_value_missing", f"{self.hook.name}: there is no file to send", "give one: --file of crm try"
            )
        return self.upload

    def _told_file(self) -> str:
        return f"(the file {self.upload.file_name})" if self.upload else ""


def _json(node: JsonText, values: Values) -> Any:
    match node:
        case Text():
            return _LEFT_OUT if node.is_left_out(values) else node.value(values)
        case dict():
            condition = node.get(LEFT_OUT_WITHOUT)
            if isinstance(condition, Text) and _is_unmet(condition, values):
                return _LEFT_OUT
            made = {key: _json(item, values) for key, item in node.items() if key != LEFT_OUT_WITHOUT}
            return {key: item for key, item in made.items() if item is not _LEFT_OUT}
        case list():
            return [item for item in (_json(item, values) for item in node) if item is not _LEFT_OUT]
        case _:
            return node


def _is_unmet(condition: Text, values: Values) -> bool:
    return condition.is_left_out(values) or not condition.render(values, as_is)


def _query(pairs: Pairs) -> str:
    return "&".join(f"{in_query(name)}={in_query(value)}" for name, value in pairs)


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case _:
            return json.dumps(value)
