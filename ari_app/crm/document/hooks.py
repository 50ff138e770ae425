"""One hook: from its keys to a request and the way in which its answer is read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agi_router.routing.path import JsonPath
from ari_app.crm.document.bodies import Fields, parse_body, parse_fields
from ari_app.crm.document.model import (
    DEFAULT_NUMBER_FORMS,
    MOST_STEPS,
    AuthTexts,
    BasicTexts,
    BearerTexts,
    ErrorRule,
    Hook,
    KeyTexts,
    OAuth2Texts,
    Paging,
    PagingBy,
    Property,
    PropertyType,
    RecordMap,
    ValueTable,
)
from ari_app.crm.document.parsing import At, Parsing
from ari_app.crm.document.response_map import Names, parse_response_map
from ari_app.crm.document.sections import ErrorSection, HookSection, PagingSection
from ari_app.crm.document.text import Text
from ari_app.crm.document.variables import CHANGED_SINCE, OF_PAGING, given, needed, taken
from ari_app.domain.crm import HookName

_SCHEME: Final = re.compile(r"https?://", re.IGNORECASE)
_PROPERTY_FIRST: Final = re.compile(r"\$(?P<name>[^$]+)\$")
_FINDING: Final = frozenset({HookName.FIND_CONTACT, HookName.FIND_ACTIVITY})
_LISTING: Final = frozenset({HookName.USERS, HookName.CONTACTS, HookName.ORGANIZATIONS, *_FINDING})


@dataclass(frozen=True, slots=True)
class Around:
    """What the document says for all of its hooks."""

    properties: Sequence[Property]
    auth: AuthTexts
    headers: Mapping[str, str]
    error: ErrorSection | None
    tables: Mapping[str, ValueTable]


def parse_hook(parsing: Parsing, at: At, name: HookName, section: HookSection, around: Around) -> Hook:
    """The hook with what follows it. Mistakes go to `parsing`."""
    told = len(parsing.problems)
    steps: list[Hook] = []
    after: tuple[str, ...] = ()
    step: HookSection | None = section
    here = at
    while step is not None and len(steps) < MOST_STEPS:
        made = _Step(parsing, here, name, step, around, after).hook()
        steps.append(made)
        after = tuple(dict.fromkeys((*after, *_gives(made))))
        step, here = step.then, (*here, "then")
    if step is not None:
        parsing.problem(here, f"is one request too many: at most {MOST_STEPS} follow each other")
    if len(parsing.problems) == told:
        _check_steps(parsing, at, name, steps)
    whole = steps.pop()
    while steps:
        whole = replace(steps.pop(), then=whole)
    return whole


def _gives(hook: Hook) -> tuple[str, ...]:
    return () if hook.records is None else (*hook.records.sources, *hook.records.fixed)


def _check_steps(parsing: Parsing, at: At, name: HookName, steps: Sequence[Hook]) -> None:
    wanted = needed(name)
    if wanted and not any(step.needs for step in steps):
        parsing.problem((*at, "response_map"), f"needs ${wanted}$: let the place in the answer where it stands name it")
    if len(steps) > 1 and any(step.paging for step in steps):
        parsing.problem((*at, "then"), "does not go with paging; take one of them away")


@dataclass(frozen=True, slots=True)
class _Step:
    """One request of a hook. `after` are the variables that the requests before it give."""

    parsing: Parsing
    at: At
    name: HookName
    section: HookSection
    around: Around
    after: tuple[str, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """What the texts of this request may name, besides properties."""
        variables = dict.fromkeys((*taken(self.name), *self.after))
        tables = [name for name, table in self.around.tables.items() if table.of in variables]
        return (*variables, *tables, *(OF_PAGING if self.section.paging else ()))

    def hook(self) -> Hook:
        section = self.section
        base, path, query = self._url()
        records = self._records()
        wanted = needed(self.name)
        error = section.error or self.around.error
        return Hook(
            name=self.name,
            method=section.request_method,
            base=base,
            path=path,
            path_query=query,
            headers=self._headers(),
            query=self._query(),
            body=parse_body(self.parsing, self.at, self.name, section, self.known),
            records=records,
            needs=wanted if records and wanted in (*records.sources, *records.fixed) else "",
            error=None if error is None else self._error(error, ("error",) if section.error is None else None),
            no_records=self._no_records(),
            good=frozenset(section.good_statuses),
            paging=None if section.paging is None else self._paging(section.paging),
            lists_changes=self._mentions(f"${CHANGED_SINCE}"),
            is_idempotent=self._is_idempotent(),
            visible_after_s=self._only_of({HookName.FIND_ACTIVITY}, "visible_after_s", 0.0),
            number_forms=tuple(
                str(form)
                for form in self._only_of({HookName.FIND_CONTACT}, "number_forms", None) or DEFAULT_NUMBER_FORMS
            ),
        )

    def _url(self) -> tuple[Text | None, Text, Text]:
        at, written = (*self.at, "request_path"), self.section.request_path.strip()
        base_length = self._base_length(written)
        base = self.parsing.text(at, written[:base_length]) if base_length else None
        path, _, query = written[base_length:].partition("?")
        if "#" in written[base_length:]:
            self.parsing.problem(at, "has a #fragment, which is never sent; take it away, or write %23")
        if path and not path.startswith("/"):
            path = f"/{path}"
        if any(step in {".", ".."} for step in path.split("/")):
            self.parsing.problem(at, "climbs its path by a . or ..; write it out")
        return base, self.parsing.text(at, path, self.known), self.parsing.text(at, query, self.known)

    def _base_length(self, written: str) -> int:
        """How much of the path is an address of its own: scheme and host, or a property that holds a URL."""
        scheme = _SCHEME.match(written)
        if scheme:
            return min((end for mark in "/?" if (end := written.find(mark, scheme.end())) >= 0), default=len(written))
        first = _PROPERTY_FIRST.match(written)
        is_url = first and any(
            each.name == first["name"] and each.type is PropertyType.URL for each in self.around.properties
        )
        return first.end() if first and is_url else 0

    def _headers(self) -> dict[str, Text]:
        of_all = {name: self.parsing.header(("headers", name), text) for name, text in self.around.headers.items()}
        key, own = self._either("headers", "request_headers")
        own_texts = {
            name: self.parsing.header((*self.at, key, name), text, self.known) for name, text in (own or {}).items()
        }
        places: list[tuple[At, str]] = [(("headers", name), name) for name in of_all]
        for at, name in (*places, *(((*self.at, key, name), name) for name in own_texts)):
            if name.lower() == _credential_header(self.around.auth):
                self.parsing.problem(at, "is the header in which auth puts the credentials; keep one of them")
        mine = {name.lower() for name in own_texts}
        return {**{name: text for name, text in of_all.items() if name.lower() not in mine}, **own_texts}

    def _either(self, key: str, other: str) -> tuple[str, Any]:
        """A key by its own name, or by Ringotel's way of naming."""
        mine, theirs = getattr(self.section, key), getattr(self.section, other)
        if mine is not None and theirs is not None:
            self.parsing.problem((*self.at, other), f"is the same as {key}; keep one of them")
        return (key, mine) if mine is not None else (other, theirs)

    def _query(self) -> Fields:
        key, written = self._either("query", "request_query")
        return parse_fields(self.parsing, (*self.at, key), written or {}, self.known)

    def _records(self) -> RecordMap | None:
        section = self.section
        if section.response_map is None:
            for key in ("records_path", "set"):
                if getattr(section, {"set": "set_"}.get(key, key)):
                    self.parsing.problem((*self.at, key), "belongs to a response_map; add one")
            return None
        names = Names(given(self.name), (*taken(self.name), *self.after))
        return parse_response_map(self.parsing, self.at, section, names)

    def _error(self, section: ErrorSection, elsewhere: At | None) -> ErrorRule | None:
        at = elsewhere or (*self.at, "error")
        if section.when and section.unless:
            self.parsing.problem((*at, "unless"), "stands beside when; keep one of them")
        path = self.parsing.path((*at, "path"), section.path)
        messages = [self.parsing.path((*at, "message", index), text) for index, text in enumerate(section.message)]
        if path is None:
            return None
        return ErrorRule(
            path=path,
            values=frozenset(word.casefold() for word in section.when),
            good=frozenset(word.casefold() for word in section.unless),
            message=tuple(message for message in messages if message is not None),
        )

    def _no_records(self) -> frozenset[int]:
        written = self.section.no_records_statuses
        if written is not None:
            return frozenset(written)
        return frozenset({404}) if self.name in _FINDING else frozenset()

    def _paging(self, section: PagingSection) -> Paging:
        at = (*self.at, "paging")
        path: JsonPath | None = None
        if section.path is not None:
            path = self.parsing.path((*at, "path"), section.path)
        if section.by in {PagingBy.LINK, PagingBy.CURSOR} and section.path is None:
            self.parsing.problem((*at, "path"), f"is missing; it leads to the {section.by.value} in the answer")
        if self.name not in _LISTING:
            self.parsing.problem(at, f"has no meaning in {self.name}, which is one answer")
        variable = {PagingBy.CURSOR: "cursor", PagingBy.OFFSET: "offset", PagingBy.PAGE: "page"}.get(section.by)
        if variable is not None and not self._mentions(f"${variable}"):
            self.parsing.problem(at, f"is by {section.by.value}, but nothing in the request names ${variable}$")
        return Paging(by=section.by, path=path, limit=section.limit, first=section.first, most=section.most)

    def _is_idempotent(self) -> bool:
        takes_keys = {HookName.CREATE_ACTIVITY, HookName.CREATE_CONTACT, HookName.UPDATE_CALL_RECORDING}
        stated: bool = self._only_of(takes_keys, "idempotent", False)
        if stated and not (self._mentions("$idempotency_key") or self._mentions("$call_id")):
            self.parsing.problem((*self.at, "idempotent"), "is said, but the request does not name $idempotency_key$")
        return stated

    def _mentions(self, beginning: str) -> bool:
        own = self.section.model_dump(exclude={"response_map", "then", "set_"})
        return any(beginning in text for text in _texts_in(own))

    def _only_of(self, hooks: set[HookName], key: str, otherwise: Any) -> Any:
        if key in self.section.model_fields_set and self.name not in hooks:
            names = " and ".join(sorted(hooks))
            self.parsing.problem((*self.at, key), f"has no meaning in {self.name}; it belongs to {names}")
            return otherwise
        return getattr(self.section, key)


def _credential_header(auth: AuthTexts) -> str:
    match auth:
        case BasicTexts() | BearerTexts() | OAuth2Texts():
            return "authorization"
        case KeyTexts() if auth.is_header:
            return auth.name.lower()
        case _:
            return ""


def _texts_in(node: Any) -> list[str]:
    match node:
        case str():
            return [node]
        case dict():
            return [text for item in node.values() for text in _texts_in(item)]
        case list():
            return [text for item in node for text in _texts_in(item)]
        case _:
            return []
