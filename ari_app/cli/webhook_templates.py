"""`agi-router webhooks template`: what a template makes of calls as they happen every day."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from agi_router.decide import RoutingSettings
from agi_router.document.problems import suggestion
from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, print_json
from ari_app.domain.notices import Notice, NoticeType
from ari_app.live.directory_names import Names
from ari_app.live.event_types import event_types
from ari_app.live.webhook_forms import types_of
from ari_app.settings import load_settings
from ari_app.webhooks.rendering import Rendered
from ari_app.webhooks.templates.document import Rule, WebhookTemplate
from ari_app.webhooks.templates.rendering import fitting, request
from ari_app.webhooks.templates.samples import Who, samples
from ari_app.webhooks.templates.shipped import shipped

LINK: Final = "https://pbx.example.com/recordings/"


@dataclass(frozen=True, slots=True)
class Shown:
    """A sample, the entry of the template that fits it, and what is sent."""

    rule: Rule
    notice: Notice
    request: Rendered


def show_template(config: Path, name: str, types: Sequence[str], *, as_json: bool) -> None:
    """Print what becomes of samples with the users and groups of this configuration.

    Raises ConfigError, and CommandError for a template that is not there.
    """
    settings = load_settings(config)
    templates = {**settings.webhooks.templates, **shipped()}
    if name not in templates:
        raise CommandError(
            f'there is no template "{name}"{suggestion(name, sorted(templates))}',
            "Take one that comes with the router, or add yours to webhooks.templates.",
            Status.USAGE,
        )
    template = templates[name]
    shown = list(_shown(template, types_of(types), settings.routing))
    if as_json:
        print_json([_as_json(each) for each in shown])
        return
    out = console()
    if template.description:
        out.print(Text(template.description, style="bold"))
    if template.wants:
        out.print(Text(f"Headers of the subscription that it uses: {', '.join(sorted(template.wants))}"))
    for each in shown:
        _print(out, each)
    if not shown:
        out.print("Nothing is sent of these types of events.")


def _shown(template: WebhookTemplate, types: frozenset[NoticeType], routing: RoutingSettings) -> Iterator[Shown]:
    """Of each entry the first sample that becomes a request by it."""
    names = Names(routing)
    headers = {header: f"({header} of the subscription)" for header in template.wants}
    seen: list[Rule] = []
    for notice in _samples(routing):
        if types and notice.type not in types:
            continue
        found = fitting(template, notice, names, headers, lambda recording: LINK + recording)
        if found is not None and found[0] not in seen:
            seen.append(found[0])
            yield Shown(found[0], notice, request(*found))


def _samples(routing: RoutingSettings) -> Iterator[Notice]:
    """Of all types: of calls as they are told, of all else the examples of the event types."""
    of_calls = samples(_who(routing))
    yield from of_calls
    for kind in event_types().keys() - {notice.type for notice in of_calls}:
        payload = event_types()[kind].payload
        yield Notice(
            id="sample", type=kind, at=datetime.fromisoformat(payload["timestamp"]), subject="", data=payload["data"]
        )


def _who(routing: RoutingSettings) -> Who:
    """As many of the directory as there are."""
    users = [user.id for user in routing.users][:2]
    given = dict(zip(("user", "colleague"), users, strict=False))
    if routing.teams:
        given["team"] = routing.teams[0].id
    if routing.queues:
        given["queue"] = routing.queues[0].id
    return Who(**given)


def _as_json(shown: Shown) -> Mapping[str, Any]:
    return {
        "entry": shown.rule.name,
        "type": shown.notice.type.value,
        "method": shown.request.method,
        "content_type": shown.request.content_type,
        "headers": dict(shown.request.headers),
        "body": shown.request.body.decode(),
    }


def _print(out: Console, shown: Shown) -> None:
    title = f"{shown.notice.type}: {shown.rule.name}" if shown.rule.name else shown.notice.type.value
    out.print()
    out.print(Text(title, style="bold"))
    out.print(Text(f"{shown.request.method}, {shown.request.content_type}"))
    for header, value in shown.request.headers.items():
        out.print(Text(f"{header}: {value}"))
    body = shown.request.body.decode()
    if shown.request.content_type == "application/json":
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    out.print(Text(body))
