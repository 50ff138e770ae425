"""The examples of the guides load as printed, pasted into the README's configuration, and without a warning."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ari_app.settings import load_settings
from tests.fakes.documented_api import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = (
    "agi",
    "click-to-dial",
    "confirmation",
    "crm",
    "crm-activities",
    "crm-contacts",
    "crm-tryton",
    "freepbx",
    "from-ameyo",
    "from-voipline",
    "hours",
    "keys",
    "policy",
    "transfers",
    "waiting",
)
PAGES = [
    page
    for page in (
        *sorted((DOCS / "destinations").glob("*.md")),
        *(DOCS / f"{name}.md" for name in GUIDES),
    )
    if "```yaml" in page.read_text(encoding="utf-8")
]
SNIPPETS = [
    pytest.param(snippet, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, snippet in enumerate(Page.read(page).yaml, 1)
]
ENVIRONMENT = {"ARI_PASSWORD": "only-for-this-test", "CRM_TOKEN": "t", "TRYTON_PASSWORD": "p"}
A_TRUNK = """
trunks: [{name: main, endpoint: PJSIP/trunk, caller_id: "+14155550100"}]
policy: {regions: [US]}
"""


def paste(text: str, into: dict[str, Any]) -> None:
    """Mappings are merged; anything else that the text has replaces what stands there. All values stay text."""

    def merge(given: dict[str, Any], into: dict[str, Any]) -> None:
        for key, value in given.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(value, into[key])
            else:
                into[key] = value

    merge(yaml.load(text, yaml.BaseLoader), into)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_an_example_loads_in_the_configuration_of_the_readme(tmp_path: Path, snippet: str) -> None:
    (readme,) = Page.read(ROOT / "README.md").yaml
    configuration: dict[str, Any] = {}
    for text in (readme, A_TRUNK, snippet):
        paste(text, configuration)
    file = tmp_path / "agi-router.yaml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    assert load_settings(file, ENVIRONMENT).routing.warnings == ()
