"""What time or its owner takes out of the history: calls, numbers, and everything about one number."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ari_app.domain import events as e
from ari_app.domain.masking import mask_record
from ari_app.domain.record import fold
from ari_app.live.erasing import all_forms_of
from ari_app.storage import retention as retention_module
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.event_reader import StoredEvents
from ari_app.storage.last_good import open_last_good
from ari_app.storage.retention import Retention
from ari_app.storage.schema import call_events, call_parts, calls, outgoing_calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import RetentionSettings, StorageSettings
from tests.component.storage_events import START, answered_call, arrived, at
from tests.component.test_storage_last_good import ADA, LATER

DAY = timedelta(days=1)
CALLER = "+14155550177"
OTHER = "+14155550188"
CONTACT = "50123456789"
"""The id of a contact, which is no number to ring."""


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def call_log(database: Database) -> AsyncIterator[CallLog]:
    async with writing_call_log(database) as opened:
        yield opened


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "BATCH", 2)
    monkeypatch.setattr(retention_module, "PAUSE_S", 0)


def call_at(days: float, *, caller: str = CALLER, ends: bool = True) -> list[e.CallEvent]:
    seconds = days * DAY.total_seconds()
    happened: list[e.CallEvent] = [
        arrived(seconds, caller),
        e.StepStarted(at=at(seconds), step=1, destination_type="user", destination="ada", timeout_s=25),
        e.LegDialled(at=at(seconds), leg="leg-1", endpoint="ada", contact="sip:ada@127.0.0.1", user="ada"),
    ]
    return [*happened, e.CallEnded(at=at(seconds + 5), by="caller", cause=16)] if ends else happened


def whose_it_was() -> list[e.CallEvent]:
    """One CRM has created a contact, which is called by the number; another one knows several."""
    several = [{"id": CONTACT, "name": f"Ben {CALLER[1:]}"}]
    return [
        e.ContactFound(
            at=at(1),
            connector="first",
            contact_id=CONTACT,
            number=CALLER,
            name=CALLER,
            url=f"https://crm.example/{CONTACT}",
            source="created",
        ),
        e.ContactNotFound(at=at(1), connector="second", number=CALLER, outcome="several", candidates=several),
    ]


async def tell(call_log: CallLog, call_id: str, happened: list[e.CallEvent]) -> None:
    for event in happened:
        call_log.write(call_id, event)
    await call_log.flush()


async def known(call_log: CallLog) -> set[str]:
    return {record.call_id for record in await call_log.recent(100)}


async def rows(database: Database) -> list[int]:
    async with database.reader.connect() as connection:
        counts = [select(func.count()).select_from(table) for table in (calls, call_parts, call_events)]
        return [(await connection.execute(count)).scalar_one() for count in counts]


async def test_old_calls_go_with_all_that_belongs_to_them_and_open_ones_stay(
    database: Database, call_log: CallLog
) -> None:
    for days in range(7):
        await tell(call_log, f"call-{days}", call_at(days))
    await tell(call_log, "open", call_at(0, ends=False))
    await Retention(database, RetentionSettings(keep_days=5)).once(START + 10 * DAY)
    assert await known(call_log) == {"call-5", "call-6", "open"}
    assert await rows(database) == [3, 3, 11]
    assert await StoredEvents(database.reader).gone() == 20


async def test_old_numbers_are_masked_once_and_the_record_is_that_of_the_events(
    database: Database, call_log: CallLog
) -> None:
    for number in range(5):
        await tell(call_log, f"old-{number}", call_at(0))
    await tell(call_log, "whole", answered_call())
    await tell(call_log, "known", [*call_at(0), *whose_it_was()])
    await tell(call_log, "new", call_at(3))
    keeping = Retention(database, RetentionSettings(mask_numbers_after_days=5))
    await keeping.once(START + 6 * DAY)
    for record in await call_log.recent(10):
        assert record == await call_log.record(record.call_id)
        assert (CALLER in str(record)) == (record.call_id == "new")
        assert (CALLER in str(await call_log.trace(record.call_id))) == (record.call_id == "new")
    known = await call_log.record("known")
    assert known is not None
    assert [(each.contact_id, each.name, each.url, each.candidates) for each in known.contacts] == [
        (CONTACT, "+1415555****", f"https://crm.example/{CONTACT}", ()),
        ("", "", "", ({"id": CONTACT, "name": "Ben 1415555****"},)),
    ]
    assert await call_log.record("whole") == mask_record(fold("whole", answered_call()))
    call_log.write("old-1", e.LegEnded(at=at(9), leg="leg-1", outcome="cancelled", cause=16))
    await call_log.flush()  # a late event makes its call due again
    await keeping.once(START + 6 * DAY)
    [again] = [record for record in await call_log.recent(10) if record.call_id == "old-1"]
    assert again.caller_number == "+1415555****"


async def test_nothing_is_done_that_was_not_asked_for(database: Database, call_log: CallLog) -> None:
    await tell(call_log, "call-1", call_at(0))
    await Retention(database, RetentionSettings()).once(START + 1000 * DAY)
    assert await call_log.record("call-1") == fold("call-1", call_at(0))


@pytest.mark.parametrize("written", [CALLER, "14155550177", "0014155550177", "(415) 555-0177"])
async def test_all_that_is_on_record_of_a_number_is_erased_in_whatever_form(
    database: Database, call_log: CallLog, written: str
) -> None:
    dialled = e.LegDialled(at=at(1), leg="leg-2", endpoint="trunk", contact=f"sip:{CALLER}@192.0.2.1")
    longer = e.LegDialled(at=at(1), leg="leg-2", endpoint="trunk", contact=f"sip:{CALLER}9@192.0.2.1")
    await tell(call_log, "caller", call_at(0, caller="0014155550177"))
    await tell(call_log, "called", [*call_at(0, caller=OTHER)[:-1], dialled, call_at(0)[-1]])
    await tell(call_log, "other", [*call_at(0, caller=OTHER)[:-1], longer, call_at(0)[-1]])
    await tell(call_log, "withheld", call_at(0, caller=""))
    await tell(call_log, "open", call_at(0, ends=False))
    async with database.writer.begin() as connection:
        row = {"number": CALLER, "route": "sales", "api_key": "", "is_counted": True, "admitted_at": at(0)}
        await connection.execute(
            outgoing_calls.insert(), [{"id": "a", **row, "ended_at": at(1)}, {"id": "b", **row, "ended_at": None}]
        )
    async with open_last_good(database) as answers:
        answers.remember("question", ADA, LATER)
        await answers.flush()
        erased = await StoredEraser(database).erase(all_forms_of(written, "US"))
    assert await known(call_log) == {"other", "withheld", "open"}
    assert (erased.calls, erased.parts, erased.events) == (2, 2, 9)
    assert (erased.answers, erased.outgoing, erased.in_progress) == (1, 1, 1)
    assert CALLER not in str([await call_log.trace(call) for call in ("withheld", "caller", "called")])


async def test_whoever_withholds_his_number_is_nobody_who_could_be_erased(
    database: Database, call_log: CallLog
) -> None:
    await tell(call_log, "withheld", call_at(0, caller=""))
    erased = await StoredEraser(database).erase(("",))
    assert (erased.calls, await known(call_log)) == (0, {"withheld"})
