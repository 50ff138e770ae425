"""docs/phone-book.md: each of its examples is carried out, with a CRM that is asked over HTTP by its document."""

from pathlib import Path
from typing import Final

import pytest

from ari_app.domain.phone_book import SyncState
from sandbox.crm import GenericCrm
from tests.component.crm.connecting import connected, settings_for
from tests.component.web.rig import TOKEN, web_rig
from tests.guide import Comparison, carried_out, examples

GUIDE: Final = Path(__file__).parents[3] / "docs" / "phone-book.md"


async def test_every_example_of_the_guide_is_answered_as_printed(tmp_path: Path) -> None:
    async with GenericCrm() as crm:
        crm.add_contact(
            first_name="Ben",
            last_name="Müller",
            phone="(415) 555-0177",
            email="ben@example.com",
            company_name="Miller Ltd",
            company_id="o2",
            owner_id="77",
            url="https://crm.example.com/contacts/c1",
        )
        crm.add_organization(name="Miller Ltd", phone="+14155550100")
        async with connected(settings_for(crm, name="acme")) as acme, web_rig(tmp_path, crms=[acme]) as web:
            book = web.services.contacts.books["acme"]
            await book.start()
            read = await book.finished()
            assert read is not None
            assert (read.state, read.seen) == (SyncState.DONE, 2), read.failure
            told = Comparison()
            for example in examples(GUIDE.read_text(encoding="utf-8")):
                came = await carried_out(example.command, web.url, TOKEN)
                try:
                    told.compare(example.kind, example.answer, came)
                except (AssertionError, ValueError) as error:
                    pytest.fail(f"{GUIDE.name}:{example.line}: {error}\n{came}")
            await book.finished()
        assert [row["job_title"] for row in crm.contacts if row["id"] == "c3"] == ["Rear admiral"]
