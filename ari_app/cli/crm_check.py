"""`agi-router crm check`: every mistake of a CRM's document, or what it can do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, assert_never

import typer
from rich.table import Table
from rich.text import Text

from agi_router.document import ConfigError
from ari_app.cli.outcome import Status, tell_problems
from ari_app.cli.output import console, print_json
from ari_app.crm.document import Document, Hook, Property, find
from ari_app.crm.document.limits import limits
from ari_app.crm.document.model import AuthTexts, BasicTexts, BearerTexts, KeyTexts, NoAuthTexts, OAuth2Texts
from ari_app.crm.document.text import Text as Written
from ari_app.domain.crm import HookName, OnceBy
from ari_app.domain.wording import printable
from ari_app.live.reload import problem_json

_PUBLISHED: Final = frozenset({HookName.USERS, HookName.CONTACTS})
"""The hooks of which Ringotel shows how they are written; of all others the names."""
_ONCE: Final[Mapping[OnceBy, str]] = {
    OnceBy.FINDING: "yes: FindActivity tells whether it is there",
    OnceBy.KEY: "yes: the CRM takes the idempotency key",
    OnceBy.NOTHING: "no",
}


def check_document(written: str, *, as_json: bool) -> None:
    """Print the verdict; ends with status 1 when there are mistakes."""
    try:
        document = find(written, Path())
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "problems": list(map(problem_json, error.problems))})
        else:
            tell_problems(error, console(), "the document")
        raise typer.Exit(Status.FAILED) from None
    if as_json:
        print_json(_as_json(document))
    else:
        _print(document, written)


def _print(document: Document, written: str) -> None:
    out = console()
    out.print(Text(printable(document.name), style="bold"))
    if document.description:
        out.print(Text(printable(document.description)))
    out.print()
    if document.properties:
        out.print(_properties(document))
        out.print()
    out.print(_hooks(document))
    out.print()
    out.print(Text(f"Credentials: {_auth(document.auth)}"))
    if HookName.CREATE_ACTIVITY in document.hooks:
        out.print(Text(f"One activity for each call, whatever breaks off: {_ONCE[document.abilities.once_by]}"))
    for note in (*document.notes, *limits(document)):
        out.print(f"note: {printable(note)}", style="yellow", markup=False, soft_wrap=True)
    out.print(f"OK: {written}", style="bold green", markup=False, soft_wrap=True)


def _properties(document: Document) -> Table:
    table = Table("property", "type", "needed", "hint", box=None, pad_edge=False, header_style="bold")
    for each in document.properties:
        needed = "yes" if each.is_required and not each.default else "no"
        table.add_row(*map(Text, (printable(each.name), each.type.value, needed, printable(each.hint))))
    return table


def _hooks(document: Document) -> Table:
    table = Table("hook", "state", "shape", "request", box=None, pad_edge=False, header_style="bold")
    for name in HookName:
        hook = document.hooks.get(name)
        shape = "Ringotel's" if name in _PUBLISHED else "ours"
        request = Text(_request(hook) if hook else "", overflow="fold")
        table.add_row(name.value, "offered" if hook else Text("missing", style="yellow"), shape, request)
    return table


def _request(hook: Hook) -> str:
    steps = [f"{step.method} {_shown(step.base)}{_shown(step.path)}" for step in hook.steps]
    return printable(", then ".join(steps))


def _shown(text: Written | None) -> str:
    parts = text.parts if text else ()
    return "".join(part if isinstance(part, str) else f"${part.name}$" for part in parts)


def _auth(auth: AuthTexts) -> str:
    match auth:
        case NoAuthTexts():
            return "none"
        case BasicTexts():
            return "Basic"
        case BearerTexts():
            return "Bearer"
        case KeyTexts():
            return f"{'header' if auth.is_header else 'query field'} {printable(auth.name)}"
        case OAuth2Texts():
            return f"OAuth 2.0, {auth.flow.value}"
        case _:
            assert_never(auth)


def _as_json(document: Document) -> dict[str, Any]:
    abilities = document.abilities
    return {
        "ok": True,
        "problems": [],
        "id": document.id,
        "name": document.name,
        "description": document.description,
        "auth": _auth(document.auth),
        "properties": list(map(_property_json, document.properties)),
        "hooks": [_hook_json(name, document.hooks.get(name)) for name in HookName],
        "once_by": abilities.once_by.value,
        "visible_after_s": abilities.visible_after_s,
        "number_forms": list(abilities.number_forms),
        "limits": list(limits(document)),
        "notes": list(document.notes),
    }


def _property_json(each: Property) -> dict[str, Any]:
    return {
        "name": each.name,
        "label": each.label,
        "type": each.type.value,
        "required": each.is_required,
        "default": each.shown_default,
        "hint": each.hint,
        "options": list(each.options),
    }


def _hook_json(name: HookName, hook: Hook | None) -> dict[str, Any]:
    return {
        "name": name.value,
        "offered": hook is not None,
        "ours": name not in _PUBLISHED,
        "request": "" if hook is None else _request(hook),
    }
