"""How an answer is read: records by the document's map, the next page, or why it is a failure. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from agi_router.routing.errors import Failure, RoutingError, shown
from agi_router.routing.template import as_is
from ari_app.crm.document.model import ErrorRule, Hook, RecordMap, Source
from ari_app.crm.document.next_page import Answered, AnswerError, next_page
from ari_app.crm.document.refusals import Unread, of_error, of_status
from ari_app.crm.document.request import Page, Question, named_values, with_defaults
from ari_app.domain.crm import QUESTIONS, HookName, Record

LONGEST_VALUE: Final = 1024
MOST_FOUND: Final = 1000
"""Records of an answer to a search: so many contacts have no number in common, and so many activities no call."""
MOST_LISTED: Final = 50_000
_FINDING: Final = frozenset({HookName.FIND_CONTACT, HookName.FIND_ACTIVITY})
_CREATING: Final = frozenset({HookName.CREATE_CONTACT, HookName.CREATE_ACTIVITY})
_EMPTY: Final[tuple[Any, ...]] = (None, False, "", [], {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What an answer holds. `skipped` are records without the id that they are nothing without.

    `next_page` is None after the last page, and of a hook without paging.
    """

    records: tuple[Record, ...] = ()
    next_page: Page | None = None
    skipped: int = 0


def read_answer(question: Question, answered: Answered) -> Records | Unread:
    """Read the answer to what `render` made of the same question."""
    hook = question.hook
    if answered.status in hook.no_records:
        return Records()
    is_good = 200 <= answered.status < 300 or answered.status in hook.good
    try:
        content = _content(answered.body)
    except ValueError as error:
        if not is_good:
            return of_status(hook, answered.status, None)
        if hook.records is None and hook.error is None:
            return Records()
        return _unreadable(hook, f"the answer is not JSON ({error}): {shown(_text(answered.body))}")
    if not is_good:
        return of_status(hook, answered.status, content)
    if not answered.body.strip() and hook.name in QUESTIONS and hook.records is not None and answered.status != 204:
        return _unreadable(hook, "the answer is empty; a CRM that has nothing says so by 204, or in JSON")
    if hook.error is not None and is_error(hook.error, content):
        return of_error(hook, content)
    try:
        return _records(question, content, answered)
    except (AnswerError, RoutingError) as error:
        return _unreadable(hook, str(error))


def is_error(rule: ErrorRule, content: Any) -> bool:
    """Whether the answer says that it failed. An empty one (204, say) tells of no error."""
    if content is None:
        return False
    try:
        found = rule.path.node(content)
    except RoutingError:
        found = None
    if rule.good:
        return _word(found) not in rule.good
    if rule.values:
        return _word(found) in rule.values
    return found not in _EMPTY


def _word(value: Any) -> str:
    """What a rule compares: here false is a word, which is nothing in a record."""
    return "false" if value is False else as_text(value).casefold()


def as_text(value: Any) -> str:
    """A value of an answer as text on one line; "" for null, for false (some CRMs write it so), and what is nested."""
    match value:
        case str():
            text = value.encode("utf-8", "replace").decode()
            return "".join(each if each.isprintable() else " " for each in text).strip()[:LONGEST_VALUE]
        case True:
            return "true"
        case int() if not isinstance(value, bool):
            return str(value)[:LONGEST_VALUE]
        case _:
            return ""


def _content(body: bytes) -> Any:
    """The JSON; None of an empty body. Fractions stay the texts that they are. Raises ValueError."""
    if not body.strip():
        return None
    try:
        return json.loads(body, parse_float=_fraction)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _fraction(text: str) -> str:
    return text.removesuffix(".0")


def _text(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")


def _unreadable(hook: Hook, what: str) -> Unread:
    """The CRM has done it, as far as its status tells; or it was a proxy that says it is out of order, in HTML."""
    remedy = "compare the answer with the hook's response_map: agi-router crm try shows both"
    return Unread(failure=Failure("crm_answer", f"{hook.name}: {what}", remedy), is_undone=False, is_final=False)


def _records(question: Question, content: Any, answered: Answered) -> Records:
    hook, mapping = question.hook, question.hook.records
    if mapping is None:
        return Records()
    nodes = list(_nodes(mapping, content))
    most = MOST_FOUND if hook.name in _FINDING else MOST_LISTED
    if len(nodes) > most:
        raise AnswerError(f"the answer holds {len(nodes)} records, and at most {most} are read: ask for less at a time")
    made = [_record(question, mapping, node) for node in nodes]
    kept = tuple(record for record in made if not hook.needs or record.get(hook.needs))
    if hook.needs and not kept and _must_have_one(hook, mapping, nodes):
        raise AnswerError(f"no record of the answer has what becomes ${hook.needs}$")
    following = next_page(question, content, answered, len(nodes))
    return Records(records=kept, next_page=following, skipped=len(made) - len(kept))


def _must_have_one(hook: Hook, mapping: RecordMap, nodes: list[Any]) -> bool:
    """Whether an answer without a usable record cannot be: what was created has an id, and so has what is listed."""
    if not nodes:
        return hook.name in _CREATING
    return not (hook.name in _FINDING and mapping.records is None)


def _nodes(mapping: RecordMap, content: Any) -> Iterator[Any]:
    """The records of the answer. Raises RoutingError when the place where they should stand is not there."""
    found = content
    if mapping.records is not None and not (mapping.is_vendors and isinstance(content, list)):
        found = None if content is None else mapping.records.node(content)
    if isinstance(found, list) and (mapping.records is not None or not _reads_lists(mapping)):
        yield from found
    elif found not in (None, [], {}) or (found == {} and mapping.records is None):
        yield found


def _reads_lists(mapping: RecordMap) -> bool:
    """Whether the one record is a list itself, whose items are told apart by their places."""
    sources = [source for several in mapping.sources.values() for source in several]
    return any(source.keys and isinstance(source.keys[0], int) for source in sources)


def _record(question: Question, mapping: RecordMap, node: Any) -> dict[str, str]:
    record = dict.fromkeys([*mapping.sources, *mapping.fixed], "")
    for name, sources in mapping.sources.items():
        record[name] = next(filter(None, (as_text(_found(source, node)) for source in sources)), "")
    properties = with_defaults(question.document, question.properties)
    for name, text in mapping.fixed.items():
        known = {**properties, **question.values, **{key: value for key, value in record.items() if value}}
        if not record[name] and not text.is_left_out(known):
            record[name] = text.render(named_values(question.document, known), as_is).strip()[:LONGEST_VALUE]
    return record


def _found(source: Source, node: Any) -> Any:
    """What stands there; None where nothing does."""
    for key in source.keys:
        match node:
            case dict() if key in node:
                node = node[key]
            case list() if isinstance(key, int) and key < len(node):
                node = node[key]
            case _ if isinstance(key, str) and (path := source.paths.get(key)) is not None:
                try:
                    node = path.node(node)
                except RoutingError:
                    return None
            case _:
                return None
    return node
