"""The phone book: contacts of all CRMs, searched in the router's own copy; created and changed in the CRM itself."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.domain.contacts import ContactKind
from ari_app.domain.phone_book import LONGEST_ID, LONGEST_PAGE, BookEntry, ContactFilter, searched_for
from ari_app.live.contact_forms import ContactChange, ContactForm
from ari_app.live.contact_json import entry_as_json
from ari_app.live.contacts import Refused, unknown_contact
from ari_app.live.once import Outcome
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE, Name
from ari_app.web.failures import problem_of, status_of
from ari_app.web.idempotency import REPLAYED, IdempotencyKey
from ari_app.web.links import contact_path
from ari_app.web.paging import Listed
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router, Services
from ari_app.wire.calls import Moment

resource = APIRouter(prefix="/contacts", tags=["contacts"])

LONGEST_SEARCH: Final = 200

Reading = Annotated[Access, require(Scope.CONTACTS_READ)]
Writing = Annotated[Access, require(Scope.CONTACTS_WRITE)]
ConnectorName = Annotated[str, Path(min_length=1, max_length=64, pattern=STORABLE, examples=["hubspot"])]
ContactId = Annotated[str, Path(min_length=1, max_length=LONGEST_ID, pattern=STORABLE, examples=["512"])]
Kind = Annotated[
    ContactKind | None, Query(description="of a person and an organization with the same id, which; else the person")
]

_MADE: Final[dict[str, Any]] = {
    "Location": {"description": "The contact.", "schema": {"type": "string"}},
    **REPLAYED,
}


class ContactShown(BaseModel):
    """A contact of a CRM, as the phone book has it. All ids are the CRM's."""

    connector: str = Field(description="the CRM's name in the configuration", examples=["hubspot"])
    id: str = Field(examples=["512"])
    kind: ContactKind
    name: str = Field(examples=["Ben Miller"])
    company: str = Field(examples=["Miller Ltd"])
    company_id: str
    job_title: str
    email: str = Field(examples=["ben@example.com"])
    phones: list[str] = Field(description="as the CRM writes them", examples=[["(415) 555-0177"]])
    numbers: list[str] = Field(description="those of them that are numbers, in E.164", examples=[["+14155550177"]])
    owner: str = Field(description="the CRM's id of the user who looks after the contact", examples=["77"])
    url: str = Field(description="the contact's page in the CRM")
    changed_at: Moment | None = Field(description="in the CRM; null where it does not tell")

    @classmethod
    def of(cls, entry: BookEntry) -> "ContactShown":
        """The contact as it is shown."""
        return cls.model_validate(entry_as_json(entry))


class WantedContacts(BaseModel):
    """Which contacts: all that is given holds, of several values one."""

    model_config = ConfigDict(extra="forbid")

    search: str = Field(
        "",
        max_length=LONGEST_SEARCH,
        pattern=STORABLE,
        description="words that stand in the name, company, e-mail address, job title or number, all of them, each"
        " anywhere; capitals and accents make no difference",
        examples=["mill ben"],
    )
    number: str = Field(
        "", max_length=64, pattern=STORABLE, description="of whom, in any form", examples=["+14155550177"]
    )
    connector: list[Name] = Field([], max_length=100, description="of these CRMs")
    kind: list[ContactKind] = Field([], max_length=2)
    offset: int = Field(0, ge=0, le=10_000_000, description="how many to leave out")
    limit: int = Field(50, ge=1, le=LONGEST_PAGE, description="how many at most")
    cursor: str | None = Field(
        None, pattern=r"^[0-9]{1,7}$", description="the `next` of the page before; instead of offset"
    )


@resource.get("", operation_id="listContacts", responses=problems(401, 403, 422))
async def list_contacts(router: Router, _: Reading, asked: Annotated[WantedContacts, Query()]) -> Listed[ContactShown]:
    """Contacts of all CRMs by their names, from the router's own copy: also while a CRM is down."""
    offset = asked.offset if asked.cursor is None else int(asked.cursor)
    entries, total = await router.contacts.archive.search(_wanted(router, asked), offset=offset, limit=asked.limit)
    end = offset + len(entries)
    return Listed(
        items=[ContactShown.of(entry) for entry in entries],
        total=total,
        next=str(end) if entries and end < total else None,
    )


@resource.post(
    "",
    operation_id="createContact",
    status_code=201,
    responses={
        201: {"description": "The CRM has it, and the phone book.", "headers": _MADE},
        **problems(400, 401, 403, 404, 409, 422, 502, 503, 504),
    },
)
async def create_contact(
    form: ContactForm, router: Router, access: Writing, response: Response, key: IdempotencyKey
) -> ContactShown:
    """Have the CRM create a contact.

    422: the CRM does not want it so. 502: it answered with another error. 503: it cannot be asked at the moment.
    504: it gave no answer, and may have created it all the same.
    """
    outcome: Outcome[BookEntry | Refused]
    if key is None:
        outcome = Outcome(await router.contacts.create(form))
    else:
        outcome = await router.contacts.create_once(form, access.key_id, key)
    entry = _written(outcome.result)
    response.headers["location"] = contact_path(entry.contact.connector, entry.contact.id)
    if outcome.is_replay:
        response.headers["idempotency-replayed"] = "true"
    return ContactShown.of(entry)


@resource.get("/{connector}/{contact_id:path}", operation_id="getContact", responses=problems(401, 403, 404, 422))
async def get_contact(
    router: Router, connector: ConnectorName, contact_id: ContactId, _: Reading, kind: Kind = None
) -> ContactShown:
    """One contact, by the CRM's id."""
    entry = await router.contacts.archive.contact(connector, contact_id, kind)
    if entry is None:
        raise problem_of(unknown_contact(connector, contact_id))
    return ContactShown.of(entry)


@resource.patch(
    "/{connector}/{contact_id:path}",
    operation_id="changeContact",
    responses=problems(400, 401, 403, 404, 409, 422, 502, 503, 504),
)
async def change_contact(
    router: Router,
    connector: ConnectorName,
    contact_id: ContactId,
    change: ContactChange,
    _: Writing,
    kind: Kind = None,
) -> ContactShown:
    """Have the CRM change what is given of a contact of the phone book. The statuses are those of createContact."""
    return ContactShown.of(_written(await router.contacts.change(connector, contact_id, kind, change)))


def _wanted(router: Services, asked: WantedContacts) -> ContactFilter:
    region = router.settings().routing.policy.region
    return searched_for(asked.search, asked.number, region, connectors=asked.connector, kinds=asked.kind)


def _written(result: BookEntry | Refused | Failure) -> BookEntry:
    match result:
        case BookEntry():
            return result
        case Failure():
            raise problem_of(result)
        case Refused(failure=why, is_undone=is_undone):
            status = _status(result)
            headers = {"retry-after": str(max(1, round(result.again_in_s or 5)))} if status == 503 else {}
            if is_undone or result.is_answer:
                raise ProblemError(status, why.code, why.message, why.remedy, headers=headers)
            detail = f"{why.message}; it may have been done all the same"
            raise ProblemError(status, why.code, detail, f"Look in the CRM before you ask again. {why.remedy}")


def _status(refused: Refused) -> int:
    if refused.is_answer:
        known = status_of(refused.failure.code)
        return known if known == 422 else 503 if refused.again_in_s is not None else 502
    return 503 if refused.is_undone else 504
