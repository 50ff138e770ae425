"""The names that may stand in a template of webhooks: a closed list, `data.PATH` and `header.NAME`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from agi_router.routing.errors import RoutingError
from agi_router.routing.numbers import digits, is_e164, national
from agi_router.routing.path import JsonPath
from agi_router.routing.template import HEADER, Template, Variable
from agi_router.settings.values import from_environment
from ari_app.domain.call_digits import in_digits
from ari_app.domain.part_rows import in_milliseconds
from ari_app.domain.parts import PartKind
from ari_app.webhooks.templates.facts import Facts

DATA: Final = "data."
OF_SUBSCRIPTION: Final = "header."

Value = Callable[[Facts], Any]


def _of_call(name: str) -> Value:
    return lambda facts: facts.call.get(name) or None


def _seconds(name: str) -> Value:
    return lambda facts: None if (value := facts.call.get(name)) is None else int(value)


def _moments(name: str, moment: Callable[[Facts], datetime | None]) -> dict[str, Value]:
    """As text, and in milliseconds since 1970."""
    return {
        name: lambda facts: None if (at := moment(facts)) is None else in_milliseconds(at),
        f"{name}Ms": lambda facts: None if (at := moment(facts)) is None else int(at.timestamp() * 1000),
    }


def _number_as(form: Callable[[str], str]) -> Value:
    def in_form(facts: Facts) -> str | None:
        number = facts.call.get("caller_number") or None
        return form(number) if number and is_e164(number) else number

    return in_form


def _user(field: str) -> Value:
    return lambda facts: None if facts.row is None or facts.row.user is None else getattr(facts.row.user, field)


def _user_id(facts: Facts) -> str | None:
    if facts.part is None:
        return None
    return (facts.part.name if facts.part.kind is PartKind.USER else facts.part.answered_by) or None


def _group(kind: PartKind) -> Value:
    """The queue or team for which somebody was rung: the call's last one that had begun by then."""

    def name(facts: Facts) -> str | None:
        if facts.part is not None and facts.part.kind is kind:
            return facts.people.group(kind, facts.part.name)
        group = facts.last(kind)
        is_for_it = group is not None and (facts.part is None or group.began_at <= facts.part.began_at)
        return facts.people.group(kind, group.name) if group is not None and is_for_it else None

    return name


def _recording_link(facts: Facts) -> str | None:
    recording = facts.notice.data.get("recording") or {}
    return facts.recording_link(recording["id"]) if "id" in recording else None


VARIABLES: Final[Mapping[str, Value]] = {
    "type": lambda facts: facts.notice.type.value,
    "noticeId": lambda facts: facts.notice.id,
    "subject": lambda facts: facts.notice.subject,
    **_moments("timestamp", lambda facts: facts.notice.at),
    "callId": lambda facts: facts.notice.call_id or None,
    "callIdDigits": lambda facts: in_digits(facts.notice.call_id) or None,
    "direction": lambda facts: facts.row.direction if facts.row else facts.call.get("direction"),
    "disposition": _of_call("disposition"),
    "routeName": _of_call("route"),
    "callerNumber": _of_call("caller_number"),
    "callerNumberNational": _number_as(national),
    "callerNumberDigits": _number_as(digits),
    "callerName": _of_call("caller_name"),
    "calledNumber": _of_call("called_number"),
    **_moments("startedAt", lambda facts: facts.moment("started_at")),
    **_moments("answeredAt", lambda facts: facts.moment("answered_at")),
    **_moments("endedAt", lambda facts: facts.moment("ended_at")),
    "ringS": _seconds("ring_s"),
    "talkS": _seconds("talk_s"),
    "totalS": _seconds("total_s"),
    "cause": lambda facts: facts.call.get("cause"),
    "userId": _user_id,
    "userName": _user("name"),
    "userNumber": _user("number"),
    "queueName": _group(PartKind.QUEUE),
    "teamName": _group(PartKind.TEAM),
    **_moments("partBeganAt", lambda facts: None if facts.part is None else facts.part.began_at),
    **_moments("partAnsweredAt", lambda facts: None if facts.part is None else facts.part.answered_at),
    **_moments("partEndedAt", lambda facts: None if facts.part is None else facts.part.ended_at),
    "partS": lambda facts: facts.row and facts.row.duration_s,
    "partTalkS": lambda facts: facts.row and facts.row.talk_s,
    "recordingLink": _recording_link,
    "partOutcome": lambda facts: (facts.part and facts.part.outcome) or None,
}
"""Each with its value: text, a number, or None for what there is not. The `part…` are of the user, queue or team."""


def parse(text: str) -> Template:
    """A text with `{{name}}` in it. Raises ValueError for an unknown name, with the nearest right one."""
    return Template.parse(text, from_environment(text), _variable)


def value(name: str, facts: Facts) -> Any:
    """What a name stands for; None where there is no such thing."""
    if name.startswith(OF_SUBSCRIPTION):
        return facts.headers.get(name.removeprefix(OF_SUBSCRIPTION).lower())
    if not name.startswith(DATA):
        return VARIABLES[name](facts)
    try:
        return _path(name).node(facts.notice.data)
    except RoutingError:
        return None


@cache
def _path(name: str) -> JsonPath:
    return JsonPath.parse(name.removeprefix(DATA))


def _variable(name: str) -> Variable:
    if name in VARIABLES or HEADER.fullmatch(name):
        return Variable(name)
    if name.startswith(DATA):
        _path(name)
        return Variable(name)
    near = get_close_matches(name, VARIABLES, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(VARIABLES)}, data.PATH and header.NAME"
    raise ValueError(f"unknown variable {{{{{name}}}}}; {hint}")
