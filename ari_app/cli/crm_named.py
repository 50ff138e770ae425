"""Which CRM a command means."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agi_router.document.problems import suggestion
from ari_app.cli.outcome import CommandError, Status
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.wording import printable
from ari_app.settings import Settings, load_settings


def connector_named(settings: Settings, name: str) -> ConnectorSettings:
    """The connector of this name. Raises CommandError."""
    known = {each.name: each for each in settings.crm.connectors}
    if name in known:
        return known[name]
    if not known:
        raise CommandError(
            "no CRM is configured", "Add one to the section crm of the configuration, see docs/crm.md.", Status.USAGE
        )
    raise CommandError(
        f'there is no CRM "{printable(name)}"{suggestion(name, list(known))}',
        "Take a name of the section crm of the configuration.",
        Status.USAGE,
    )


def unloaded_connectors(config: Path, told: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the configuration that are not among those that a running router has told. Raises ConfigError."""
    running = {each["name"] for each in told}
    return [each.name for each in load_settings(config).crm.connectors if each.name not in running]


def pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE of each; a value that begins with @ is the content of that file. Raises CommandError."""
    read: dict[str, str] = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CommandError(f'{option} "{printable(pair)}" has no value', "Write it as NAME=VALUE.", Status.USAGE)
        if value.startswith("@"):
            try:
                value = Path(value[1:]).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                raise CommandError(
                    f"the file of {option} {printable(name)} cannot be read: {error}",
                    "Write @ and the name of a text file.",
                    Status.USAGE,
                ) from None
        read[name] = value
    return read
