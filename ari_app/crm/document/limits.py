"""What connectors of a document cannot do, told before somebody misses it."""

from collections.abc import Iterator
from typing import Final, assert_never

from ari_app.crm.document.model import (
    AuthTexts,
    BasicTexts,
    BearerTexts,
    Document,
    Hook,
    KeyTexts,
    NoAuthTexts,
    OAuth2Texts,
)
from ari_app.crm.document.text import Text
from ari_app.domain.crm import HookName, OnceBy

_WITHOUT: Final = {
    HookName.CONTACTS: "the phone book gets no people of this CRM: no names when the CRM cannot be asked",
    HookName.ORGANIZATIONS: "the phone book gets no organizations of this CRM",
    HookName.FIND_CONTACT: "nobody is looked up during a call",
    HookName.CREATE_CONTACT: "no contact can be created: find.unknown: create has no effect",
    HookName.UPDATE_CONTACT: "contacts cannot be changed from here",
    HookName.CREATE_ACTIVITY: "calls leave no activity in the CRM",
    HookName.ASSIGN_ACTIVITY: "an activity keeps the contact that was known when the call came in",
    HookName.UPDATE_ACTIVITY: "the CRM is not told of answers and transfers",
    HookName.STOP_CALL_ACTIVITY: "the CRM is not told of ends: activities stay open, without a duration",
    HookName.UPDATE_CALL_RECORDING: "recordings are not uploaded",
}
_OF_AN_ACTIVITY: Final = (
    HookName.FIND_ACTIVITY,
    HookName.ASSIGN_ACTIVITY,
    HookName.UPDATE_ACTIVITY,
    HookName.STOP_CALL_ACTIVITY,
    HookName.UPDATE_CALL_RECORDING,
)


def limits(document: Document) -> tuple[str, ...]:
    """A sentence for each."""
    return tuple(_limits(document))


def _limits(document: Document) -> Iterator[str]:
    hooks = document.hooks
    has_activities = HookName.CREATE_ACTIVITY in hooks
    for name, what in _WITHOUT.items():
        if name not in hooks and (has_activities or name not in _OF_AN_ACTIVITY):
            yield f"No {name}: {what}."
    find = hooks.get(HookName.FIND_CONTACT)
    if find is not None and find.no_records:
        statuses = ", ".join(map(str, sorted(find.no_records)))
        yield (
            f"FindContact takes {statuses} for a number that nobody has, and a wrong path would look the same: name "
            "the statuses in no_records_statuses; [] where the CRM answers 200 with an empty list."
        )
    useless = [name.value for name in _OF_AN_ACTIVITY if name in hooks]
    if useless and not has_activities:
        yield f"{', '.join(useless)} never run{'s' if len(useless) == 1 else ''}: there is no CreateActivity."
    if has_activities:
        yield from _of_once(document)
    yield from _of_fields(document)
    if isinstance(document.auth, NoAuthTexts) and document.secret_names:
        yield "No auth: credentials travel only where the hooks name the properties that hold them."
    has_default = any(each.is_secret and each.default for each in document.properties)
    if has_default or any(text.parts and not text.names for text in _secrets(document.auth)):
        yield "A secret stands in the document itself: whoever is shown the document has it. Make it a property."
    if any(isinstance(part, str) and part.lower().startswith("http://") for part in document.base_url.parts[:1]):
        yield "base_url is http://: credentials and contacts travel readable for everybody on the way."


def _secrets(auth: AuthTexts) -> tuple[Text, ...]:
    match auth:
        case NoAuthTexts():
            return ()
        case BasicTexts():
            return (auth.password,)
        case BearerTexts():
            return (auth.token,)
        case KeyTexts():
            return (auth.value,)
        case OAuth2Texts():
            return (auth.client_secret,)
        case _:
            assert_never(auth)


def _of_once(document: Document) -> Iterator[str]:
    abilities = document.abilities
    if abilities.once_by is OnceBy.NOTHING:
        yield (
            "Neither FindActivity nor idempotent: true of CreateActivity: when the answer to a creation is lost, it is "
            "not tried again, and the activity's state is unknown."
        )
    if abilities.once_by is OnceBy.FINDING and abilities.visible_after_s:
        yield (
            f"An activity is found only {abilities.visible_after_s:g} s after it was created: so long a creation whose "
            "answer was lost waits until it is tried again."
        )


def _of_fields(document: Document) -> Iterator[str]:
    users = document.hooks.get(HookName.USERS)
    if users and not _gives(users, "email", "extension", "phone"):
        yield "Users gives neither email, extension nor phone: users are told apart by crm_ids of the directory alone."
    contacts = document.hooks.get(HookName.CONTACTS)
    if contacts and not _gives(contacts, "phone", "mobile", "phone2", "phone3"):
        yield "Contacts gives no number: nobody is found in the phone book."
    find = document.hooks.get(HookName.FIND_CONTACT)
    if find and not _gives(find, "company_id"):
        yield "FindContact gives no company_id: find.shared: company cannot choose."
    if find and not _gives(find, "changed_at"):
        yield "FindContact gives no changed_at: find.shared: most_recent cannot choose."


def _gives(hook: Hook, *names: str) -> bool:
    given = {name for step in hook.steps if step.records for name in (*step.records.sources, *step.records.fixed)}
    return not given.isdisjoint(names)
