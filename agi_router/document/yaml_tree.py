"""Reads YAML, from one file or a folder of them, into one tree that knows where each of its values stands.

Plain scalars are read more narrowly than YAML 1.1 does, because a telephone system is full of text that only looks
like something else. Null, true and false are what they seem; a plain scalar is a number only if the number writes
back as the same text. So `+14155550100`, `0101`, `NO`, `on`, `12:30` and `1.10` stay text; a setting that is a
number or a switch still understands them.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from agi_router.document.problems import ConfigError, Path, Position, Problem, dotted

ENVIRONMENT = re.compile(r"\$(\$\{|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\})")
TAG = "tag:yaml.org,2002:"
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,2})?")
_TEXT_OR_TAB = re.compile(r'"(?:[^"\\]|\\.)*"|\t')


class Substituted(str):
    """A text with `${NAME}` in it, replaced; `spans` are the places (start, end) of what came from the environment.

    Equal to the plain text in all else: it tells apart, in a text that is no secret as a whole, what may be one.
    """

    spans: tuple[tuple[int, int], ...]

    def __new__(cls, text: str, spans: tuple[tuple[int, int], ...]) -> "Substituted":
        """The text with its spans; each counts characters from 0, its end not included."""
        made = super().__new__(cls, text)
        made.spans = spans
        return made

    def __getnewargs__(self) -> tuple[str, tuple[tuple[int, int], ...]]:  # type: ignore[override]
        return str(self), self.spans  # settings are read by another process and come here as a pickle


@dataclass(frozen=True, slots=True)
class Document:
    """The merged configuration: plain dicts, lists and scalars, and the position of each of them.

    `directory` is the folder against which file names in the configuration are relative. `problems` are those found
    while reading that do not stop the reading (a missing environment variable); `validate` reports them with its own.
    """

    directory: FilePath
    tree: dict[str, Any]
    positions: Mapping[Path, Position]
    problems: tuple[Problem, ...] = ()

    def position(self, path: Path) -> Position:
        """Where this path stands; of a path that is not there, where the nearest thing above it stands."""
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]

    def problem(self, path: Path, message: str) -> Problem:
        """A problem at this path, for checks that look at more than one section."""
        return Problem(self.position(path), dotted(path), message)

    def part(self, names: Sequence[str]) -> "Document":
        """The document as if it held these top-level keys alone; problems of the others are left out, too."""
        tree = {name: value for name, value in self.tree.items() if name in names}
        mine = tuple(problem for problem in self.problems if re.split(r"[.\[]", problem.key)[0] in names)
        return Document(self.directory, tree, self.positions, mine)


def load_document(path: FilePath, environment: Mapping[str, str] | None = os.environ) -> Document:
    """Read the file, or all `*.yaml` and `*.yml` of the folder in the order of their names, merged key by key.

    `${NAME}` in a value is replaced from `environment`; `$${` stands for a literal `${`. With None texts stay as they
    are: a document of somebody else must not learn what our environment holds. A file *.json may be indented by tabs,
    and its numbers are numbers however they are written.
    Raises ConfigError for what cannot be read or parsed, and for a key that stands twice.
    """
    reading = _Reading(environment)
    tree: dict[str, Any] = {}
    try:
        files = configuration_files(path)
    except OSError as error:  # of a folder; a file's own are told when it is read
        message = f"cannot be read: {error.strerror}; let this user read the file and enter its folders"
        raise ConfigError([Problem(Position(str(path), 1), "", message)]) from None
    for file in files:
        reading.merge(tree, reading.tree(file), ())
    reading.positions[()] = Position(str(path), 1)
    if reading.broken:
        raise ConfigError(reading.broken + reading.problems)
    directory = path if path.is_dir() else path.parent
    return Document(directory, tree, reading.positions, tuple(reading.problems))


def configuration_files(path: FilePath) -> list[FilePath]:
    """The file itself, or those of the folder in the order of their reading; raises ConfigError when there is none."""
    here = Position(str(path), 1)
    if not path.exists():
        raise ConfigError([Problem(here, "", "no such file or folder; give the configuration with --config")])
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())
    if not files:
        raise ConfigError([Problem(here, "", "the folder holds no *.yaml file; put the configuration into one")])
    return files


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - typeshed's shape


_Loader.add_implicit_resolver(f"{TAG}null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(f"{TAG}bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(f"{TAG}merge", re.compile(r"^<<$"), ["<"])
_Loader.add_implicit_resolver(f"{TAG}int", re.compile(r"^(0|-?[1-9][0-9]{0,17})$"), list("-0123456789"))
_Loader.add_implicit_resolver(f"{TAG}float", re.compile(r"^-?(0|[1-9][0-9]{0,8})\.[0-9]{1,6}$"), list("-0123456789"))


def _without_tabs(json_text: str) -> str:
    """The same with a blank for each tab between its texts, where YAML allows none."""
    return _TEXT_OR_TAB.sub(lambda found: " " if found[0] == "\t" else found[0], json_text)


def _hint(problem: str) -> str:
    """What to do about the parser's complaint: its usual cause, where that is known."""
    if "got '{'" in problem or "got '['" in problem:
        return "; inside {…} or […] put a value with braces or brackets of its own into quotes"
    if "'\\t'" in problem:
        return "; indent by spaces, not by tabs"
    if "but got" in problem or "end of stream" in problem or "stream end" in problem:
        return "; look here and in the lines above for a quote, brace or bracket that is not closed"
    if "mapping values are not allowed" in problem:
        return "; put a value with a colon of its own into quotes, and let the keys of one mapping begin in one column"
    return "; look at quotes, brackets and indentation here and in the line above"


@dataclass(slots=True)
class _Reading:
    """One run over the files: `broken` problems end it, `problems` are kept for the report."""

    environment: Mapping[str, str] | None
    positions: dict[Path, Position] = field(default_factory=dict)
    broken: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def tree(self, file: FilePath) -> "_Node":
        """The file's mapping; an empty one when the file holds nothing or cannot be understood."""
        empty = _Node({}, Position(str(file), 1))
        try:
            text = file.read_text(encoding="utf-8-sig")
            loader = _Loader(_without_tabs(text) if file.suffix == ".json" else text)
            node = loader.get_single_node()
            if node is None:
                return empty
            if isinstance(node, yaml.MappingNode):
                return _Composer(self, str(file), loader).node(node, (), ())
            self.broken.append(Problem(empty.position, "", "a configuration is a mapping of sections (`routes:` …)"))
        except OSError as error:
            self.broken.append(Problem(empty.position, "", f"cannot be read: {error.strerror}; check its rights"))
        except UnicodeDecodeError:
            self.broken.append(Problem(empty.position, "", "is not UTF-8 text; save it as UTF-8"))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            message = f"not valid YAML: {error.problem}{_hint(str(error.problem))}"
            self.broken.append(Problem(Position(str(file), line), "", message))
        except RecursionError:
            self.broken.append(Problem(empty.position, "", "is nested too deeply; count its brackets"))
        except yaml.YAMLError as error:
            self.broken.append(Problem(empty.position, "", f"not valid YAML: {error}"))
        return empty

    def merge(self, into: dict[str, Any], node: "_Node", path: Path) -> None:
        """Add one file's mapping to what the files before it gave; only mappings may come in parts."""
        for key, item in node.value.items():
            here = (*path, key)
            if key not in into:
                into[key] = self.plain(item, here)
            elif isinstance(into[key], dict) and isinstance(item.value, dict):
                self.merge(into[key], item, here)
            else:
                message = f"already given at {self.positions[here]}; keep one of them"
                self.broken.append(Problem(item.position, dotted(here), message))

    def plain(self, node: "_Node", path: Path) -> Any:
        """The node as a plain value, its position and those below it put down."""
        self.positions[path] = node.position
        match node.value:
            case dict() as mapping:
                return {key: self.plain(item, (*path, key)) for key, item in mapping.items()}
            case list() as items:
                return [self.plain(item, (*path, index)) for index, item in enumerate(items)]
            case scalar:
                return scalar


@dataclass(frozen=True, slots=True)
class _Node:
    """A value with its position: a scalar, a dict of nodes, or a list of nodes."""

    value: Any
    position: Position


@dataclass(frozen=True, slots=True)
class _Composer:
    """Turns the YAML nodes of one file into `_Node`s."""

    reading: _Reading
    file: str
    loader: _Loader
    read: set[int] = field(default_factory=set)

    def node(self, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...], key: yaml.Node | None = None) -> _Node:
        """`above` are the nodes that hold this one: YAML lets an alias point at its own holder."""
        position = self.position(key or node)
        if node in above:
            self.broken(node, path, "an alias that contains itself; write the value out")
            return _Node(None, position)
        inside = (*above, node)
        if isinstance(node, yaml.CollectionNode) and node.tag not in {f"{TAG}map", f"{TAG}seq"}:
            self.broken(node, path, f"the tag {node.tag} has no meaning here; take it away")
        match node:
            case yaml.MappingNode():
                entries = self.entries(node, path)
                value: Any = {
                    name: self.node(item, (*path, name), inside, key=key_node) for name, key_node, item in entries
                }
            case yaml.SequenceNode():
                value = [self.node(item, (*path, index), inside) for index, item in enumerate(node.value)]
            case _:
                value = self.scalar(node, path)
        return _Node(value, position)

    def entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Keys are text as it was written. A key may stand once, though it overrides the same key of a `<<` merge.

        A mapping that an alias brings again holds what it merges by then, and was looked through before.
        """
        if id(node) in self.read:
            return ((key.value, key, item) for key, item in node.value if isinstance(key, yaml.ScalarNode))
        self.read.add(id(node))
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.broken(
                    key, path, "a key must be a word; a value that begins with a brace of its own, {{…}}, needs quotes"
                )
            elif key.value in seen and key.tag != f"{TAG}merge":
                message = f"already given at {self.position(seen[key.value])}; keep one of them"
                self.broken(key, (*path, key.value), message)
            else:
                seen[key.value] = key
        self.loader.flatten_mapping(node)
        return ((key.value, key, item) for key, item in node.value if isinstance(key, yaml.ScalarNode))

    def scalar(self, node: yaml.Node, path: Path) -> str | int | float | bool | None:
        text = str(node.value)
        is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
        if is_plain and self.file.endswith(".json") and _JSON_NUMBER.fullmatch(text):
            return float(text) if set(text) & set(".eE") else int(text)
        match node.tag.removeprefix(TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if str(int(text)) == text:
                return int(text)
            case "float" if str(float(text)) == text:
                return float(text)
            case "str" | "int" | "float":
                return self.substituted(node, text, path)
            case tag:
                self.broken(node, path, f"the tag {tag} has no meaning here; take it away")
                return None

    def substituted(self, node: yaml.Node, text: str, path: Path) -> str:
        environment = self.reading.environment
        if environment is None:
            return text
        result, end = "", 0
        spans: list[tuple[int, int]] = []
        for found in ENVIRONMENT.finditer(text):
            result += text[end : found.start()]
            name, end = found["name"], found.end()
            if name is None:
                result += "${"
                continue
            if name not in environment:
                message = f"the environment variable {name} is not set; set it, or write $${{ for a literal ${{"
                self.reading.problems.append(Problem(self.position(node), dotted(path), message))
            value = environment.get(name, "")
            spans.append((len(result), len(result) + len(value)))
            result += value
        return Substituted(result + text[end:], tuple(spans)) if spans else result + text[end:]

    def position(self, node: yaml.Node) -> Position:
        return Position(self.file, node.start_mark.line + 1)

    def broken(self, node: yaml.Node, path: Path, message: str) -> None:
        self.reading.broken.append(Problem(self.position(node), dotted(path), message))
