"""Hides whose numbers stand in an old call: what is left tells two callers apart, and rings nobody.

mask_event("CallArrived", {"caller_number": "+14155550177", ...}) -> {"caller_number": "+1415555****", ...}
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ari_app.domain.record import CallContact, CallRecord, Direction, LegRecord

HIDDEN: Final = "****"
# Seven digits and more, also between letters as in a contact (sip:4930123456@trunk); ids of calls and channels stand in
# fields of their own, which stay. What is masked already is left alone: of a long number seven digits are left.
_IN_TEXT: Final = re.compile(r"\+?\d{7,15}(?!\d|\*{4})")
_NUMBERS: Final = frozenset({"caller_number", "number", "target"})
_IDS: Final = frozenset(
    {"channel_id", "caller_channel_id", "call_id", "leg", "file", "name", "place", "sha256", "campaign", "key"}
) | {"contact_id", "owner"}
_OURS: Final = {
    "CallArrived": frozenset({"called_number"}),
    "CallRequested": frozenset({"caller_id"}),
    "ContactFound": frozenset({"url"}),  # ends with the contact's id
}
_NAMED: Final = {"ContactFound": frozenset({"name"})}
"""Where `name` is what somebody is called: who was unknown is called by his number. Elsewhere it is that of a file."""
_NUMBERS_OF_NOTICE: Final = _NUMBERS | {"called_number"}
_KEPT_OF_NOTICE: Final = (_IDS - {"name"}) | {"id", "linkedid", "goes_on_in"}
_SHORTEST: Final = 5
"""Digits of a number that is hidden where numbers stand: an extension is nobody's secret."""


def mask_number(number: str) -> str:
    """`+14155550177` as `+1415555****`; extensions stay, and so does what is masked already."""
    if number.endswith(HIDDEN):
        return number
    if sum(map(str.isdigit, number)) < _SHORTEST:
        return mask_text(number)
    return number[:-4] + HIDDEN


def mask_text(text: str) -> str:
    """The text with every number in it masked."""
    return _IN_TEXT.sub(lambda found: found[0][:-4] + HIDDEN, text)


def mask_event(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event, as they are stored, without whole numbers but our own."""
    kept = (_IDS | _OURS.get(kind, frozenset())) - _NAMED.get(kind, frozenset())
    masked = {name: value if name in kept else _masked(name, value) for name, value in data.items()}
    if kind == "ContactNotFound":
        masked["candidates"] = [_mask_candidate(each) for each in data.get("candidates", ())]
    return masked


def mask_notice(about: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What others are told, and whom it concerns, as they are stored, without whole numbers but our own."""
    ours = "caller_number" if about["direction"] == Direction.OUTBOUND else "called_number"
    own = (data.get("call") or {}).get(ours)
    numbers = [number if number == own else mask_number(number) for number in about["numbers"]]
    return {**about, "numbers": numbers}, {name: _masked_within(name, value, ours) for name, value in data.items()}


def _masked_within(name: str, value: object, ours: str) -> object:
    match value:
        case _ if name in _KEPT_OF_NOTICE or name == ours:
            return value
        case str():
            return mask_number(value) if name in _NUMBERS_OF_NOTICE else mask_text(value)
        case Mapping():
            return {str(key): _masked_within(str(key), item, ours) for key, item in value.items()}
        case list():
            return [_masked_within(name, item, ours) for item in value]
        case _:
            return value


def mask_record(record: CallRecord) -> CallRecord:
    """The record that the masked events of the call tell."""
    called, ours = record.called_number, record.caller_number
    if record.direction is Direction.OUTBOUND:
        called = mask_number(called)
    else:
        ours = mask_number(ours)
    return replace(
        record,
        caller_number=ours,
        caller_name=mask_text(record.caller_name),
        called_number=called,
        destination=mask_text(record.destination),
        answered_by=mask_text(record.answered_by),
        reason=mask_text(record.reason),
        legs=tuple(map(_mask_leg, record.legs)),
        contacts=tuple(map(_mask_contact, record.contacts)),
    )


def _mask_leg(leg: LegRecord) -> LegRecord:
    return replace(leg, endpoint=mask_text(leg.endpoint), contact=mask_text(leg.contact))


def _mask_contact(contact: CallContact) -> CallContact:
    return replace(
        contact,
        number=mask_number(contact.number),
        name=mask_text(contact.name),
        company=mask_text(contact.company),
        candidates=tuple(map(_mask_candidate, contact.candidates)),
    )


def _mask_candidate(candidate: Mapping[str, str]) -> dict[str, str]:
    return {name: value if name == "id" else mask_text(value) for name, value in candidate.items()}


def _masked(name: str, value: object) -> object:
    match value:
        case str():
            return mask_number(value) if name in _NUMBERS else mask_text(value)
        case Mapping():
            return {str(key): _masked(str(key), item) for key, item in value.items()}
        case list():
            return [_masked(name, item) for item in value]
        case _:
            return value
