"""The section `webhooks`: who delivers events to their receivers, and how."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from agi_router.document import ConfigError, Document, Problem, Section
from agi_router.lookup.connections import trusting
from agi_router.settings.findings import At
from agi_router.settings.values import Name
from ari_app.webhooks.settings import WebhookSettings
from ari_app.webhooks.templates.document import TemplateSection, WebhookTemplate, problems, template
from ari_app.webhooks.templates.shipped import read, shipped_names


def _written_as(given: Any) -> str:
    return "file" if isinstance(given, str) else "document"


GivenTemplate = Annotated[
    Annotated[str, Tag("file")] | Annotated[TemplateSection, Tag("document")], Discriminator(_written_as)
]


class WebhooksSection(Section):
    """`webhooks`."""

    deliver: bool = True
    keep_days: int = Field(default=30, ge=1, le=36_500)
    requests_per_receiver: int = Field(default=4, ge=1, le=64)
    ca_file: str | None = Field(default=None, min_length=1)
    templates: dict[Name, GivenTemplate] = Field(default_factory=dict)


def webhook_settings(document: Document, section: WebhooksSection) -> WebhookSettings:
    """What the section means. Raises ConfigError for a file that is not what it should be, and for a template."""
    ca_file = None if section.ca_file is None else document.directory / section.ca_file
    if ca_file is not None:
        try:
            trusting(ca_file)
        except OSError as error:
            message = f"{ca_file} cannot be read as PEM certificates: {error.strerror or error}; check the file"
            at = document.position(("webhooks", "ca_file"))
            raise ConfigError([Problem(at, "webhooks.ca_file", message)]) from None
    return WebhookSettings(
        deliver=section.deliver,
        keep_days=section.keep_days,
        requests_per_receiver=section.requests_per_receiver,
        ca_file=ca_file,
        templates=_templates(document, section.templates),
    )


def _templates(document: Document, given: Mapping[str, str | TemplateSection]) -> dict[str, WebhookTemplate]:
    found: list[Problem] = []
    templates: dict[str, WebhookTemplate] = {}
    for name, written in given.items():
        at = ("webhooks", "templates", name)
        if name in shipped_names():
            found.append(document.problem(at, "is a template that comes with the router; give yours another name"))
        try:
            templates[name] = _template(document, name, written, at)
        except ConfigError as error:
            found += error.problems
    if found:
        raise ConfigError(found)
    return templates


def _template(document: Document, name: str, written: str | TemplateSection, at: At) -> WebhookTemplate:
    if isinstance(written, TemplateSection):
        found = [document.problem((*at, *where), message) for where, message in problems(written)]
        if found:
            raise ConfigError(found)
        return template(name, written)
    file = document.directory / written
    if not file.is_file():
        message = f"there is no file {file}; name one that holds a template, or write the template here"
        raise ConfigError([document.problem(at, message)])
    return read(name, file)
