"""Reads documents: a file, or one of those that come with the router."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from agi_router.document import ConfigError, load_document, validate
from agi_router.document import Document as Written
from agi_router.document.problems import Position, Problem, suggestion
from ari_app.crm import documents
from ari_app.crm.document.auth import parse_auth
from ari_app.crm.document.hooks import Around, parse_hook
from ari_app.crm.document.model import Document, Property, PropertyType, ValueTable
from ari_app.crm.document.parsing import At, Parsing
from ari_app.crm.document.properties import parse_properties, plain
from ari_app.crm.document.sections import KEYS, DocumentSection, HookSection
from ari_app.crm.document.variables import OF_PAGING, given, taken
from ari_app.domain.crm import HookName

BASE_URL: Final = "Base URL"
"""The property that is asked for when a document does not say where its CRM is."""
_ENDINGS: Final = (".json", ".yaml", ".yml")
_VARIABLES: Final = frozenset({*OF_PAGING, *(name for hook in HookName for name in (*taken(hook), *given(hook)))})


@cache
def shipped_names() -> tuple[str, ...]:
    """The documents that come with the router."""
    return tuple(sorted(Path(file.name).stem for file in files(documents).iterdir() if file.name.endswith(_ENDINGS)))


@cache
def shipped(name: str) -> Document:
    """One of them; raises KeyError."""
    if name not in shipped_names():
        raise KeyError(name)
    with as_file(files(documents)) as folder:
        return read(next(file for ending in _ENDINGS if (file := folder / f"{name}{ending}").is_file()))


def find(written: str, directory: Path) -> Document:
    """What a person means: the name of a shipped document, or a file (JSON or YAML) as seen from this folder.

    Raises ConfigError with every problem, each by file, line and key.
    """
    if written in shipped_names():
        return shipped(written)
    file = directory / written
    if not file.is_file():
        message = f'there is no file "{written}", and no document of this name comes with the router'
        hint = suggestion(written, shipped_names())
        raise ConfigError([Problem(Position(str(file), 1), "", f"{message}{hint}")])
    return read(file)


def read(file: Path) -> Document:
    """The document in this file. Raises ConfigError with every problem, each by file, line and key."""
    written, notes = _without_unknown(load_document(file, environment=None))
    section = validate(written, DocumentSection)
    parsing = Parsing(written)
    document = _document(parsing, section, notes)
    if parsing.problems:
        raise ConfigError(parsing.problems)
    return document


def _without_unknown(written: Written) -> tuple[Written, list[str]]:
    """Top keys of the vendor's that nobody has told us of are left aside; what looks like a slip stays, to be told."""
    unknown = [key for key in written.tree if key not in KEYS and not get_close_matches(key, KEYS, n=1, cutoff=0.65)]
    tree = {key: value for key, value in written.tree.items() if key not in unknown}
    return replace(written, tree=tree), [f"{key}: has no meaning here, and is left aside" for key in unknown]


def _document(parsing: Parsing, section: DocumentSection, notes: Sequence[str]) -> Document:
    properties = _properties(parsing, section)
    base_url, properties = _base_url(parsing, section, properties)
    parsing.properties = [each.name for each in properties]
    auth = parse_auth(parsing, section)
    around = Around(properties, auth, section.headers, section.error, _tables(parsing, section))
    hooks = {}
    for at, name, hook in _hooks(parsing, section):
        hooks[name] = parse_hook(parsing, at, name, hook, around)
    if HookName.USERS not in hooks:
        parsing.problem((), "the hook Users is missing: it tells who of the CRM is who of the directory; add it")
    return Document(
        id=section.id,
        name=section.name,
        description=section.description,
        properties=properties,
        auth=auth,
        base_url=parsing.text(("base_url",), base_url),
        hooks=hooks,
        tables=around.tables,
        notes=tuple(notes),
    )


def _properties(parsing: Parsing, section: DocumentSection) -> tuple[Property, ...]:
    """Those of the document. One that declares none has those that its credentials name."""
    if section.properties is not None:
        found = parse_properties(parsing, section.properties)
    else:
        texts = _texts(section.model_dump(include={"auth", "oauth2", "base_url"}))
        names = dict.fromkeys(name for text in texts for name in _names(text))
        found = tuple(plain(name) for name in names)
    for each in found:
        if each.name in _VARIABLES:
            parsing.problem(("properties",), f'"{each.name}" is the name of a variable; call the property another way')
    return found


def _base_url(
    parsing: Parsing, section: DocumentSection, properties: tuple[Property, ...]
) -> tuple[str, tuple[Property, ...]]:
    """Where the CRM is: as the document says it, or by its property that is a URL, or by one that is added."""
    if section.base_url is not None:
        return section.base_url, properties
    of_url = [each for each in properties if each.type is PropertyType.URL]
    if len(of_url) > 1:
        parsing.problem((), "base_url is missing, and several properties are URLs; write base_url: $the right one$")
    if of_url:
        return f"${of_url[0].name}$", properties
    hint = "Where the CRM's API is: https://... up to what request_path begins with"
    added = Property(name=BASE_URL, label=BASE_URL, type=PropertyType.URL, hint=hint)
    return f"${BASE_URL}$", (*properties, added)


def _tables(parsing: Parsing, section: DocumentSection) -> dict[str, ValueTable]:
    tables = {}
    for name, table in section.values.items():
        at = ("values", name)
        if name in _VARIABLES or name in parsing.properties:
            parsing.problem(at, "is the name of a variable or a property; call it another way")
        if table.of not in _VARIABLES:
            parsing.problem((*at, "of"), f'"{table.of}" is no variable{suggestion(table.of, sorted(_VARIABLES))}')
        values = {key.casefold(): value for key, value in table.map.items()}
        tables[name] = ValueTable(of=table.of, values=values, otherwise=table.default)
    return tables


def _hooks(parsing: Parsing, section: DocumentSection) -> list[tuple[At, HookName, HookSection]]:
    """The hooks of the top and those below API, with their places."""
    found: list[tuple[At, HookName, HookSection]] = []
    found += [((name.value,), name, hook) for name, hook in section.by_name().items()]
    if section.api is not None:
        for name, hook in section.api.by_name().items():
            if name in section.by_name():
                parsing.problem(("API", name.value), "stands at the top, too; keep one of them")
            found.append((("API", name.value), name, hook))
    return found


def _names(text: str) -> list[str]:
    return [part for part in text.split("$")[1::2] if part and part not in _VARIABLES]


def _texts(node: Any) -> list[str]:
    match node:
        case str():
            return [node]
        case dict():
            return [text for item in node.values() for text in _texts(item)]
        case _:
            return []
