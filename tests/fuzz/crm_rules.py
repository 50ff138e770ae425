"""What must hold whatever a CRM answers, by the documents that come with the router."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ari_app.crm.document import (
    Answered,
    Page,
    PropertyType,
    Question,
    Records,
    Unread,
    read_answer,
    render,
    shipped,
    shipped_names,
)
from tests.fuzz.rules import CONTROL, BrokenRuleError, Hang, time_limit

SEEDS = Path(__file__).with_name("crm_seeds")
PAGE = Page(number=1, cursor="501", offset=100)
VALUES = {name: f"{name}-1" for name in ("activity_id", "contact_id", "call_id", "phone", "phone_local", "phone_e164")}
URL = "https://crm.example.com/x"
SENT = re.compile(r"[\x21-\x7e]+")


def questions() -> Iterator[Question]:
    """Every hook that reads anything, of every document."""
    for name in shipped_names():
        document = shipped(name)
        filled = {each.name: URL if each.type is PropertyType.URL else "7" for each in document.properties}
        for hook in document.hooks.values():
            if hook.records is not None:
                yield Question(document=document, hook=hook, properties=filled, values=VALUES, page=PAGE)


@dataclass
class CrmRules:
    """Tries answers on all hooks, and counts what they came to."""

    asked: tuple[Question, ...] = field(default_factory=lambda: tuple(questions()))
    outcomes: Counter[str] = field(default_factory=Counter)

    def try_on(self, body: bytes) -> None:
        """Raises BrokenRuleError."""
        for question in self.asked:
            name = f"{question.document.id}, {question.hook.name}"
            try:
                with time_limit():
                    self.outcomes[self._came_to(question, body)] += 1
            except (Exception, Hang) as error:
                raise BrokenRuleError(f"{type(error).__name__}: {error}", name, body, None) from error

    def _came_to(self, question: Question, body: bytes) -> str:
        read = read_answer(question, Answered(status=200, headers={}, body=body, url=f"{URL}?p=1"))
        if isinstance(read, Unread):
            for text in (read.failure.message, read.failure.remedy):
                assert text and not CONTROL.search(text), f"control characters in the message {text!r}"
            return read.failure.code
        self._check_records(question, read)
        self._check_next(question, read.next_page)
        return "records" if read.records else "nothing"

    def _check_records(self, question: Question, read: Records) -> None:
        needs = question.hook.needs
        for record in read.records:
            assert not needs or record[needs], f"a record without {needs}"
            for name, value in record.items():
                assert not CONTROL.search(value), f"control characters in {name}: {value!r}"
                assert len(value) <= 1024, f"{name} has {len(value)} characters"

    def _check_next(self, question: Question, page: Page | None) -> None:
        """The next page can be asked for, of the same server, in one request line."""
        if page is None:
            return
        here = Question(
            document=question.document,
            hook=question.hook,
            properties=question.properties,
            values=question.values,
            page=page,
        )
        before, after = render(question), render(here)
        assert urlsplit(after.url)[:3] == urlsplit(before.url)[:3], f"asks {after.url}"
        assert SENT.fullmatch(after.url), f"asks {after.url!r}"
