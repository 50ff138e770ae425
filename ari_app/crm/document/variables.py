"""The names that may stand between dollar signs: a closed list for each hook, of what it takes and what it gives."""

from collections.abc import Sequence
from typing import Final

from agi_router.document.problems import suggestion
from agi_router.routing.numbers import WrittenForm
from ari_app.domain.crm import HookName

OF_A_CALL: Final = (
    "call_id",
    "idempotency_key",  # stays the same whenever the same activity is created again
    "direction",  # inbound or outbound
    "activity_type",  # the same, by Ringotel's name
    "number",  # the other side's, E.164
    "caller_number",
    "called_number",
    "extension",
    "user_id",  # the CRM's id of our user
    "user_name",
    "user_email",
    "route",
    "call_start",  # milliseconds since 1970
    "started_at",  # ISO 8601
    "now",  # ISO 8601
    "contact_id",
    "contact_kind",  # person or organization
    "contact_name",
    "company_name",
    "company_id",
)
OF_THE_END: Final = (
    "call_end",  # milliseconds since 1970
    "ended_at",  # ISO 8601
    "call_duration",  # seconds of talk
    "ring_duration",  # seconds until the answer, or the end
    "call_cause",  # Q.850
    "disposition",
    "recording_url",
)
OF_A_CONTACT: Final = (
    "contact_id",
    "firstname",
    "lastname",
    "name",
    "email",
    "phone",
    "mobile",
    "phone2",
    "phone3",
    "company_name",
    "company_id",
    "job_title",
    "owner_id",
    "url",
    "changed_at",
    "kind",  # person or organization
)
NUMBER_FORMS: Final = tuple(form.value for form in WrittenForm)
"""In which a number is looked for."""

FILE: Final = "file"
"""All of a body, or one part of a multipart body: the recording's bytes."""
FILE_BASE64: Final = "file_base64"
"""The recording's bytes in base64, inside a JSON body."""
OF_PAGING: Final = ("cursor", "offset", "page", "limit")
CHANGED_SINCE: Final = "changed_since"  # ISO 8601; empty where all are to be listed
CHANGED_SINCE_MS: Final = "changed_since_ms"  # milliseconds since 1970

_OF_A_FILE: Final = ("recording_id", "file_name", "media_type", "file_size", "recording_url")
_OF_A_NEW_CONTACT: Final = (
    *("firstname", "lastname", "name", "phone", "mobile", "phone2", "phone3"),
    *("email", "company_name", "job_title", "owner_id"),
)
_OF_AN_ANSWERED_CALL: Final = ("state", "answered_at", "call_answered", "transferred_to")

_TAKEN: Final[dict[HookName, tuple[str, ...]]] = {
    HookName.USERS: ("now",),
    HookName.CONTACTS: ("now", CHANGED_SINCE, CHANGED_SINCE_MS),
    HookName.ORGANIZATIONS: ("now", CHANGED_SINCE, CHANGED_SINCE_MS),
    HookName.FIND_CONTACT: (*OF_A_CALL, "phone", *(f"phone_{form}" for form in NUMBER_FORMS)),
    HookName.CREATE_CONTACT: (*OF_A_CALL, *_OF_A_NEW_CONTACT),
    HookName.UPDATE_CONTACT: (*OF_A_CALL, *_OF_A_NEW_CONTACT),
    HookName.CREATE_ACTIVITY: OF_A_CALL,
    HookName.FIND_ACTIVITY: OF_A_CALL,
    HookName.ASSIGN_ACTIVITY: (*OF_A_CALL, "activity_id"),
    HookName.UPDATE_ACTIVITY: (*OF_A_CALL, "activity_id", *_OF_AN_ANSWERED_CALL, *OF_THE_END),
    HookName.STOP_CALL_ACTIVITY: (*OF_A_CALL, "activity_id", *_OF_AN_ANSWERED_CALL, *OF_THE_END),
    HookName.UPDATE_CALL_RECORDING: (*OF_A_CALL, "activity_id", *OF_THE_END, *_OF_A_FILE),
}
_GIVEN: Final[dict[HookName, tuple[str, ...]]] = {
    HookName.USERS: ("user_id", "firstname", "lastname", "name", "email", "phone", "extension"),
    HookName.CONTACTS: OF_A_CONTACT,
    HookName.ORGANIZATIONS: (
        *("company_id", "company_name", "email", "phone", "phone2", "phone3", "mobile", "owner_id", "url"),
        "changed_at",
    ),
    HookName.FIND_CONTACT: OF_A_CONTACT,
    HookName.CREATE_CONTACT: OF_A_CONTACT,
    HookName.UPDATE_CONTACT: OF_A_CONTACT,
    HookName.CREATE_ACTIVITY: ("activity_id", "url"),
    HookName.FIND_ACTIVITY: ("activity_id", "url"),
    HookName.ASSIGN_ACTIVITY: ("activity_id",),
    HookName.UPDATE_ACTIVITY: ("activity_id",),
    HookName.STOP_CALL_ACTIVITY: ("activity_id",),
    HookName.UPDATE_CALL_RECORDING: ("activity_id", "file_id", "file_url"),
}
_NEEDED: Final[dict[HookName, str]] = {
    HookName.USERS: "user_id",
    HookName.CONTACTS: "contact_id",
    HookName.ORGANIZATIONS: "company_id",
    HookName.FIND_CONTACT: "contact_id",
    HookName.CREATE_CONTACT: "contact_id",
    HookName.CREATE_ACTIVITY: "activity_id",
    HookName.FIND_ACTIVITY: "activity_id",
}


def taken(hook: HookName) -> tuple[str, ...]:
    """What a request of this hook may name, besides properties and, where there is paging, `OF_PAGING`."""
    return _TAKEN[hook]


def given(hook: HookName) -> tuple[str, ...]:
    """What the answer of this hook may be mapped to."""
    return _GIVEN[hook]


def needed(hook: HookName) -> str:
    """What a record of this hook is nothing without; "" where the router needs no more than that it was done."""
    return _NEEDED.get(hook, "")


def unknown(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is none: with the nearest right one, else all of them."""
    return f"${name}$ is not known{suggestion(name, known)}"
