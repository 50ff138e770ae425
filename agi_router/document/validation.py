"""Checks a document against pydantic models and tells every mistake in the words of the file.

A part of the configuration is a `Section`. The whole is one too, with a field for each top-level key; a program with
more sections than another inherits from it:

    class AppSections(RoutingSections):
        storage: StorageSection = StorageSection()

    document = load_document(path)
    sections = validate(document, AppSections)   # ConfigError holds all problems at once

Rules between sections come after that, on valid sections; `document.problem(path, message)` places what they find.

Unknown keys are refused on every level. A field of type `SecretStr` (or `SecretStr | None`) can also be given by file:
`password` as `password_file`. Plain numbers are taken where text is wanted (an id such as 456).
"""

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, ValidationInfo, model_validator
from pydantic_core import ErrorDetails

from agi_router.document.problems import ConfigError, Path, Problem, dotted, suggestion
from agi_router.document.yaml_tree import Document

SectionT = TypeVar("SectionT", bound="Section")
SECRETS = (SecretStr, SecretStr | None)


class Section(BaseModel):
    """A mapping of the configuration: closed, frozen, its secrets readable from files."""

    # Most sections are only read as parts of others: a validator of their own would take memory for nothing.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, dict):
            return given
        secrets = [name for name, field in cls.model_fields.items() if field.annotation in SECRETS]
        context: _Context | None = info.context
        if context is not None:
            keys = [field.alias or name for name, field in cls.model_fields.items()]
            context.known[id(given)] = [*keys, *(f"{name}_file" for name in secrets)]
        read = dict(given)
        for name in secrets:
            if f"{name}_file" not in read:
                continue
            file = read.pop(f"{name}_file")
            directory = context.document.directory if context else FilePath()
            both = _Unreadable(f"{name}_file", f"give either {name} or {name}_file")
            read[name] = both if name in read else _secret(directory, f"{name}_file", file)
        return read


def validate(document: Document, sections: type[SectionT]) -> SectionT:
    """The document as this model; raises ConfigError with every problem, those found while reading included."""
    context = _Context(document)
    try:
        valid = sections.model_validate(document.tree, context=context)
    except ValidationError as error:
        found = [_problem(context, details) for details in error.errors(include_url=False)]
        # A value whose environment variable is missing was read as less than it is: no complaint about that.
        told = {(problem.position, problem.key) for problem in document.problems}
        news = (problem for problem in found if (problem.position, problem.key) not in told)
        raise ConfigError([*document.problems, *news]) from None
    if document.problems:
        raise ConfigError(document.problems)
    return valid


class _Context:
    """What a validation remembers: the keys known to each mapping it saw, by the mapping's identity."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.known: dict[int, list[str]] = {}


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands where a secret should: fails the field's own check, so that the section's other mistakes show too."""

    key: str
    message: str


def _secret(directory: FilePath, key: str, file: Any) -> str | _Unreadable:
    if not isinstance(file, str):
        return _Unreadable(key, "is the name of a file")
    try:
        return (directory / file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return _Unreadable(key, f"the file {file} cannot be read: {reason}; check its name and rights")


def _problem(context: _Context, error: ErrorDetails) -> Problem:
    path, holder = _in_tree(context.document.tree, error)
    message = _message(error, path, context.known.get(id(holder), []))
    return Problem(context.document.position(path), dotted(path), message)


def _in_tree(tree: Any, error: ErrorDetails) -> tuple[Path, Any]:
    """The error's path in the file, and the mapping or list that holds its last key.

    pydantic's own path also names the branches of its unions, which nobody wrote.
    """
    loc = error["loc"]
    if isinstance(error["input"], _Unreadable):
        loc = (*loc[:-1], error["input"].key)
    elif error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        loc = (*loc, str(error["ctx"]["discriminator"]).strip("'"))
    path: Path = ()
    node, holder = tree, tree
    for index, part in enumerate(loc):
        is_last = index == len(loc) - 1
        below = dict(enumerate(node)) if isinstance(node, list) else node
        if isinstance(below, dict) and part in below:
            path, holder, node = (*path, part), node, below[part]
        elif is_last and isinstance(node, dict) and error["type"] in {"missing", "union_tag_not_found"}:
            path, holder = (*path, part), node
    return path, holder


def _message(error: ErrorDetails, path: Path, known: list[str]) -> str:
    given = error["input"]
    match error["type"]:
        case _ if isinstance(given, _Unreadable):
            return given.message
        case "extra_forbidden":
            return "unknown key" + suggestion(str(path[-1]), known)
        case "missing" | "union_tag_not_found":
            return "is missing; add it"
        case "union_tag_invalid":
            expected = str(error["ctx"]["expected_tags"])
            return _not_one_of(str(error["ctx"]["tag"]), expected.replace("'", "").split(", "))
        case "literal_error" | "enum":
            expected = str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
            return _not_one_of(str(given), expected.split(", "))
        case "string_type" if isinstance(given, bool):
            return f'is text, but YAML reads {given} as a switch; write it in quotes: "{str(given).lower()}"'
        case "value_error" | "assertion_error":
            return error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        case _ if given is None:
            return "has no value; give one, or take the key away"
        case "string_type":
            return f"must be a single text, not {_shown(given)}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "must be a mapping (`key: value` lines, indented)"
        case "list_type" | "tuple_type":
            return "must be a list (`- item` lines, or [a, b])"
        case "float_parsing" | "float_type":
            return f"must be a plain number, such as 25 or 2.5, not {_shown(given)}"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"must be a whole number, such as 25, not {_shown(given)}"
        case "bool_parsing" | "bool_type":
            return f"must be true or false, not {_shown(given)}"
        case "greater_than_equal":
            return f"must be at least {error['ctx']['ge']:.15g}, not {_shown(given)}"
        case "less_than_equal":
            return f"must be at most {error['ctx']['le']:.15g}, not {_shown(given)}"
        case _:
            message = error["msg"][:1].lower() + error["msg"][1:]
            return f"{message}, not {given!r}" if isinstance(given, str | int | float) else message


def _shown(given: Any) -> str:
    match given:
        case bool():
            return str(given).lower()
        case str():
            return f'"{given}"'
        case int() | float():
            return str(given)
        case _:
            return "a mapping or a list"


def _not_one_of(given: str, allowed: list[str]) -> str:
    return f'"{given}" does not exist' + suggestion(given, allowed)
