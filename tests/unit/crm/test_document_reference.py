"""The reference of the language: its examples load, and no name is missing in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ari_app.crm.document import shipped_names
from ari_app.crm.document.sections import KEYS, HookSection, OAuth2Section, PagingSection
from ari_app.crm.document.text import WORDS
from ari_app.crm.document.variables import FILE, FILE_BASE64, NUMBER_FORMS, OF_PAGING, given, taken
from ari_app.domain.crm import HookName
from tests.unit.crm.documents import MINIMAL, written

PAGE = (Path(__file__).parents[3] / "docs" / "crm-documents.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES, ids=[", ".join(example) for example in EXAMPLES])
def test_each_example_loads(tmp_path: Path, example: dict[str, Any]) -> None:
    document = written(tmp_path, example if "id" in example else {**MINIMAL, **example})
    assert document.notes == ()


def test_the_three_ways_to_write_properties_mean_the_same(tmp_path: Path) -> None:
    forms = [example for example in EXAMPLES if set(example) == {"properties"}]
    assert len(forms) == 3
    names, by_name, whole = (written(tmp_path, {**MINIMAL, **form}).properties for form in forms)
    assert [each.name for each in names] == [each.name for each in by_name] == [each.name for each in whole]
    assert [each.is_secret for each in names] == [each.is_secret for each in whole] == [False, True, False]


def test_every_name_is_in_the_reference() -> None:
    variables = {name for hook in HookName for name in (*taken(hook), *given(hook))}
    keys = {
        field.alias or name
        for section in (HookSection, OAuth2Section, PagingSection)
        for name, field in section.model_fields.items()
    }
    prose = re.sub(r"```json\n.*?```", "", PAGE, flags=re.DOTALL)
    quoted = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", prose))))
    missing = {*variables, *keys, *OF_PAGING, *NUMBER_FORMS, *WORDS, FILE, FILE_BASE64, *shipped_names()} - quoted
    assert missing == set()
    assert [hook for hook in HookName if hook not in PAGE] == []
    assert [key for key in KEYS if key not in PAGE] == []
