"""The document of a template: which notices become which requests.

    content: json                     # or form
    send:
      - name: answered                # for people, and in messages
        on: call.answered             # one type or several
        of: user                      # user, queue or team: whom `{{userName}}` and `{{part…}}` are about
        direction: inbound
        body: {event: answered, call: "{{callId}}", agent: "{{userName}}"}

The first entry that fits a notice is sent. A notice that fits none is not sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from agi_router.document import Section
from agi_router.routing.route import JsonTemplate, Scalar
from agi_router.routing.template import Template
from agi_router.settings.findings import At
from agi_router.settings.request_headers import OWN_HEADERS
from agi_router.settings.values import HeaderName, UpperCase, header_text, json_template
from ari_app.domain.notices import NoticeType
from ari_app.domain.parts import PartKind
from ari_app.domain.record import Direction, Disposition
from ari_app.webhooks.templates.facts import Facts
from ari_app.webhooks.templates.variables import OF_SUBSCRIPTION, parse

Method = Annotated[Literal["POST", "PUT", "PATCH"], UpperCase]
Content = Literal["json", "form"]


def _one_or_several(given: Any) -> Any:
    return given if isinstance(given, list) else [given]


def _header(given: Any) -> Template:
    if not isinstance(given, str):
        raise ValueError("is a text; give one in quotes")  # noqa: TRY004 - pydantic reports ValueError
    return header_text(parse(given))


Headers = dict[HeaderName, Annotated[Template, PlainValidator(_header)]]
Several = BeforeValidator(_one_or_several)


class SendSection(Section):
    """One entry of `send`."""

    name: str = Field(default="", max_length=64)
    on: Annotated[list[NoticeType], Several, Field(min_length=1)]
    of: PartKind | None = None
    direction: Direction | None = None
    disposition: Annotated[list[Disposition], Several] = Field(default_factory=list)
    answered: bool | None = None
    method: Method | None = None
    content: Content | None = None
    headers: Headers = Field(default_factory=dict)
    body: Annotated[Any, PlainValidator(lambda given: json_template(given, parse))]


class TemplateSection(Section):
    """A whole template. `method`, `content` and `headers` are those of the entries that give none themselves."""

    description: str = ""
    method: Method = "POST"
    content: Content = "json"
    headers: Headers = Field(default_factory=dict)
    send: Annotated[list[SendSection], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of a template, complete."""

    name: str
    on: frozenset[NoticeType]
    of: PartKind | None
    direction: Direction | None
    dispositions: frozenset[Disposition]
    answered: bool | None
    method: str
    content: Content
    headers: Mapping[str, Template]
    body: JsonTemplate

    def fits(self, facts: Facts) -> bool:
        """Whether a notice of its types is meant; `answered` is of the user, queue or team, else of the call."""
        direction = facts.part.direction if facts.part else facts.call.get("direction")
        answered_at = facts.part.answered_at if facts.part else facts.call.get("answered_at")
        return (
            (self.of is None or facts.part is not None)
            and (self.direction is None or direction == self.direction)
            and (not self.dispositions or facts.call.get("disposition") in self.dispositions)
            and (self.answered is None or (answered_at is not None) == self.answered)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTemplate:
    """A template. `wants` are the headers of a subscription that it uses, such as X-Pbx-Token."""

    name: str
    description: str
    rules: Sequence[Rule]

    @property
    def types(self) -> frozenset[NoticeType]:
        """The notices of which something can become a request."""
        return frozenset[NoticeType]().union(*(rule.on for rule in self.rules))

    @property
    def wants(self) -> frozenset[str]:
        """Their names, as the template writes them."""
        texts = [text for rule in self.rules for text in (*_texts(rule.body), *rule.headers.values())]
        names = {name for text in texts for name in text.variables if name.startswith(OF_SUBSCRIPTION)}
        return frozenset(name.removeprefix(OF_SUBSCRIPTION) for name in names)


def template(name: str, section: TemplateSection) -> WebhookTemplate:
    """The template that this section describes."""
    return WebhookTemplate(
        name=name,
        description=section.description,
        rules=[
            Rule(
                name=entry.name,
                on=frozenset(entry.on),
                of=entry.of,
                direction=entry.direction,
                dispositions=frozenset(entry.disposition),
                answered=entry.answered,
                method=entry.method or section.method,
                content=entry.content or section.content,
                headers={**section.headers, **entry.headers},
                body=entry.body,
            )
            for entry in section.send
        ],
    )


def problems(section: TemplateSection) -> Iterator[tuple[At, str]]:
    """What is wrong between the keys of a template: where, and a sentence."""
    for where, headers in (((), section.headers), *((("send", i), entry.headers) for i, entry in _numbered(section))):
        for name in headers:
            if name.lower() in OWN_HEADERS or name.lower().startswith("webhook-"):
                yield (*where, "headers", name), "is a header of the router's own; take it away"
    for index, entry in _numbered(section):
        if (entry.content or section.content) == "form" and not _is_flat(entry.body):
            yield (
                ("send", index, "body"),
                "is no form: a form has names with one value each; write them so, or content: json",
            )


def _numbered(section: TemplateSection) -> list[tuple[int, SendSection]]:
    return list(enumerate(section.send))


def _is_flat(body: JsonTemplate) -> bool:
    return isinstance(body, dict) and all(isinstance(item, Template | Scalar) for item in body.values())


def _texts(body: JsonTemplate) -> Iterator[Template]:
    match body:
        case Template():
            yield body
        case dict():
            for item in body.values():
                yield from _texts(item)
        case list():
            for item in body:
                yield from _texts(item)
        case _:
            pass
