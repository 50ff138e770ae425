"""What a template makes of a notice: the bytes that are sent."""

import json
from collections.abc import Callable, Mapping
from typing import Any, assert_never
from urllib.parse import urlencode

import structlog

from agi_router.routing.route import JsonTemplate
from agi_router.routing.template import Template, in_header
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.part_rows import People
from ari_app.domain.webhooks import Subscription
from ari_app.webhooks.payload import as_it_is
from ari_app.webhooks.rendering import Rendered, UnknownTemplateError
from ari_app.webhooks.templates.document import Rule, WebhookTemplate
from ari_app.webhooks.templates.facts import Facts, LinkTo, no_link
from ari_app.webhooks.templates.shipped import shipped
from ari_app.webhooks.templates.variables import value

log = structlog.get_logger("agi_router.webhooks")


class TemplateRendering:
    """Implements `Rendering`, by these templates and those that come with the router.

    `people` is asked for the directory of the configuration in force; `recording_link` for links to recordings.
    """

    def __init__(
        self,
        own: Mapping[str, WebhookTemplate],
        people: Callable[[], People],
        recording_link: LinkTo = no_link,
    ) -> None:
        self._own = own
        self._people = people
        self._recording_link = recording_link

    def render(self, subscription: Subscription, notice: Notice) -> Rendered | None:
        """See the protocol."""
        template = self._own.get(subscription.template) or shipped().get(subscription.template)
        if template is None:
            raise UnknownTemplateError(
                f"the template {subscription.template!r} is neither shipped nor configured; add it to "
                "webhooks.templates, or give the subscription another one"
            )
        try:
            made = rendered(template, notice, self._people(), subscription.headers, self._recording_link)
        except Exception:  # one odd notice must not keep back all that follow
            log.exception("a template cannot say this event; it is not sent", template=template.name, notice=notice.id)
            return None
        if made is None and notice.type is NoticeType.WEBHOOK_TEST:
            return as_it_is(notice)  # whoever tries a receiver wants to see a request
        return made


def rendered(
    template: WebhookTemplate,
    notice: Notice,
    people: People,
    headers: Mapping[str, str],
    recording_link: LinkTo = no_link,
) -> Rendered | None:
    """By the first rule that fits; None when none does."""
    found = fitting(template, notice, people, headers, recording_link)
    return None if found is None else request(*found)


def fitting(
    template: WebhookTemplate,
    notice: Notice,
    people: People,
    headers: Mapping[str, str],
    recording_link: LinkTo = no_link,
) -> tuple[Rule, Facts] | None:
    """The first rule that fits, and what it can say."""
    for rule in template.rules:
        if notice.type not in rule.on:
            continue
        facts = Facts.of(notice, rule.of, people, headers, recording_link)
        if rule.fits(facts):
            return rule, facts
    return None


def request(rule: Rule, facts: Facts) -> Rendered:
    """What a rule makes of this."""
    body, content_type = _body(rule, facts)
    headers = {name: _text(header, facts, in_header).strip() for name, header in rule.headers.items()}
    return Rendered(
        method=rule.method,
        body=body,
        content_type=content_type,
        headers={name: text for name, text in headers.items() if text},
    )


def _body(rule: Rule, facts: Facts) -> tuple[bytes, str]:
    match rule.content:
        case "json":
            return json.dumps(_value(rule.body, facts)).encode(), "application/json"
        case "form":
            fields = _value(rule.body, facts)
            pairs = [(name, _as_text(field)) for name, field in fields.items()]
            return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
        case _:
            assert_never(rule.content)


def _value(node: JsonTemplate, facts: Facts) -> Any:
    """What stands alone in a text keeps its type: a number, null, a list. A list is shorter by what there is not."""
    match node:
        case Template(only=str() as name):
            return value(name, facts)
        case Template():
            return _text(node, facts, lambda text: text)
        case dict():
            return {key: _value(item, facts) for key, item in node.items()}
        case list():
            return [made for item in node if (made := _value(item, facts)) is not None or not _is_variable(item)]
        case _:
            return node


def _is_variable(node: JsonTemplate) -> bool:
    return isinstance(node, Template) and node.only is not None


def _text(text: Template, facts: Facts, encode: Callable[[str], str]) -> str:
    return text.render({name: _as_text(value(name, facts)) for name in text.variables}, encode)


def _as_text(given: Any) -> str:
    match given:
        case None:
            return ""
        case str():
            return given.encode("utf-8", "replace").decode()  # a lone surrogate exists in no encoding
        case _:
            return json.dumps(given)
