"""What differs between two configurations, in words. Names and keys only: a value may be a secret."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final

from ari_app.settings import Settings, socket_beside

LIVE: Final = frozenset({"routing", "calls", "log"})
"""The sections that a running router takes. Any other, also one that is forgotten here, waits for a restart."""

MOST_NAMES: Final = 10
# Where the settings call something otherwise than the file does.
_PARTS: Final = {"fallback": "defaults.fallback", "guard": "network", "volume": "policy"}
_KEYS: Final = {
    "allowed": "allowed_networks",
    "paths": "path",
    "host": "listen",
    "port": "listen",
    "origins": "cors",
    "open_metrics": "metrics",
}
_SECTIONS: Final = {"retention": "storage"}
_NO_SETTINGS: Final = frozenset({"warnings"})
_NAMED: Final = frozenset({"connectors"})
"""Lists of named things that the file has as a mapping without a key of its own: `crm.hubspot`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different in one part (`routes`, `users`, `policy`, ...).

    For a list of named things `added`, `removed` and `changed` hold their names, `changed` with the keys that differ;
    for any other part `keys` are those that differ, none when the part has no keys.
    """

    part: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    def sentences(self) -> Iterator[str]:
        """For people: at most `MOST_NAMES` names in each."""
        for verb, names in (("added", self.added), ("removed", self.removed)):
            if names:
                yield f"{self.part} {verb}: {_listed(names)}"
        if self.changed:
            told = [f"{name} ({', '.join(keys)})" if keys else name for name, keys in self.changed.items()]
            yield f"{self.part} changed: {_listed(told)}"
        if not (self.added or self.removed or self.changed):
            yield f"{self.part} changed" + (f": {', '.join(self.keys)}" if self.keys else "")


def changes(old: Settings, new: Settings) -> tuple[Change, ...]:
    """What a running router takes of the new one."""
    sections = (name for name in _differing(old, new) if name in LIVE - {"routing"})
    routing = (_change(name, getattr(old.routing, name), getattr(new.routing, name)) for name in _routing(old, new))
    return (*routing, *(_change(name, getattr(old, name), getattr(new, name)) for name in sections))


def restart_needed(old: Settings, new: Settings) -> tuple[str, ...]:
    """The keys, dotted, that differ and are only read at a start: `asterisk.ari.url`."""
    keys = [
        f"{_SECTIONS.get(section, section)}.{key}" if key else section
        for section in _differing(old, new)
        if section not in LIVE
        for key in _keys(getattr(old, section), getattr(new, section), depth=2) or ("",)  # it came, or went
    ]
    if old.control.socket == socket_beside(old.storage) and new.control.socket == socket_beside(new.storage):
        return tuple(key for key in keys if key != "control.socket")  # it only follows the database
    return tuple(keys)


def _routing(old: Settings, new: Settings) -> list[str]:
    return [name for name in _differing(old.routing, new.routing) if name not in _NO_SETTINGS]


def _differing(old: Any, new: Any) -> list[str]:
    names = (each.name for each in fields(new))
    return [name for name in names if getattr(old, name) != getattr(new, name)]


def _keys(old: Any, new: Any, depth: int) -> tuple[str, ...]:
    """The keys by which two things of a kind differ, with those inside of them down to `depth`."""
    if not is_dataclass(new) or type(old) is not type(new):
        return ()
    keys: list[str] = []
    for name in _differing(old, new):
        if name in _NAMED:
            keys += _names_of_differing(getattr(old, name), getattr(new, name))
            continue
        inside = _keys(getattr(old, name), getattr(new, name), depth - 1) if depth > 1 else ()
        key = _KEYS.get(name, name)
        keys += [f"{key}.{deeper}" for deeper in inside] or [key]
    return tuple(dict.fromkeys(keys))


def _names_of_differing(old: Any, new: Any) -> list[str]:
    before, after = _by_name(old) or {}, _by_name(new) or {}
    return [name for name in {**before, **after} if before.get(name) != after.get(name)] or ["order"]


def _change(name: str, old: Any, new: Any) -> Change:
    part = _PARTS.get(name, name)
    before, after = _by_name(old), _by_name(new)
    if before is None or after is None:
        return Change(part=part, keys=_keys(old, new, depth=1))
    common = [name for name in after if name in before]
    return Change(
        part=part,
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed={name: _keys(before[name], after[name], depth=2) for name in common if before[name] != after[name]},
        keys=("order",) if common != [name for name in before if name in after] else (),
    )


def _by_name(items: Any) -> dict[str, Any] | None:
    """Named things by their names, as the file lists them; None when these are no such list."""
    if isinstance(items, Mapping):
        return {str(name): item for name, item in items.items()}
    if not isinstance(items, tuple):
        return None
    named: dict[Any, Any] = {getattr(item, "id", None) or getattr(item, "name", None): item for item in items}
    return None if None in named else named


def _listed(names: Sequence[str]) -> str:
    told = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{told} and {more} more" if more > 0 else told
