"""docs/configuration.md is the reference: its example loads, and it names every key that there is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from agi_router.document import Section, load_document, validate
from agi_router.routing.template import VARIABLES
from agi_router.settings import RoutingSections, routing_settings

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")


def sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from sections_in(argument)


def keys(section: type[Section]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield field.alias or name
        for inner in sections_in(field.annotation):
            yield from keys(inner)


def test_the_example_loads_without_a_warning(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "token").write_text("t")
    file = tmp_path / "router.yaml"
    file.write_text(example[1].replace("/run/secrets/crm-token", "token"))
    document = load_document(file, {"CRM_PASSWORD": "p"})
    settings = routing_settings(document, validate(document, RoutingSections))
    assert [route.name for route in settings.routes] == ["sales", "support"]
    assert settings.warnings == ()


def test_every_key_and_every_variable_is_described() -> None:
    words = set(re.findall(r"[A-Za-z_]+", PAGE))
    assert {"region", "ca_file", "number_format", "in"} <= set(keys(RoutingSections))
    assert set(keys(RoutingSections)) <= words
    assert set(VARIABLES) <= words
