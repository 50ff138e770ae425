"""The templates that come with the router, and those of a file of the operator."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

from agi_router.document import ConfigError, load_document, validate
from ari_app.webhooks.templates.document import TemplateSection, WebhookTemplate, problems, template


@cache
def shipped_names() -> frozenset[str]:
    """What they are called: known without reading them, which takes a start 25 ms."""
    return frozenset(Path(file.name).stem for file in files(__package__).iterdir() if file.name.endswith(".yaml"))


@cache
def shipped() -> Mapping[str, WebhookTemplate]:
    """By their names."""
    with as_file(files(__package__)) as folder:
        return MappingProxyType({name: read(name, folder / f"{name}.yaml") for name in sorted(shipped_names())})


def read(name: str, file: Path) -> WebhookTemplate:
    """The template in a file of its own. Raises ConfigError with every problem, each by file, line and key."""
    document = load_document(file)
    section = validate(document, TemplateSection)
    found = [document.problem(where, message) for where, message in problems(section)]
    if found:
        raise ConfigError(found)
    return template(name, section)
