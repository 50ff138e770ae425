"""Reading configuration documents: what YAML means here, and where each mistake is said to stand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr

from agi_router.document import ConfigError, Section, load_document, validate


def write(folder: Path, text: str, name: str = "config.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def problems(file: Path, model: type[Section] | None = None, environment: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong, without the folder's name."""
    with pytest.raises(ConfigError) as raised:
        document = load_document(file, environment or {})
        validate(document, model or Root)
    return [
        str(problem).removeprefix(f"{file.parent if file.is_file() else file}/") for problem in raised.value.problems
    ]


class Basic(Section):
    """One branch of a union."""

    type: Literal["basic"]
    username: str
    password: SecretStr


class Key(Section):
    """The other branch."""

    type: Literal["key"]
    place: Literal["header", "query"] = Field(alias="in")


class Item(Section):
    """One item of a list."""

    id: str
    size: int = 1


class Root(Section):
    """A whole configuration."""

    items: list[Item] = []  # noqa: RUF012 - pydantic copies it
    auth: Annotated[Basic | Key, Field(discriminator="type")] | None = None
    on: bool = False
    limit: float = Field(default=1.0, le=10)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("+14155550100", "+14155550100"),
        ("0101", "0101"),
        ("NO", "NO"),
        ("on", "on"),
        ("12:30:00", "12:30:00"),
        ("2026-01-02", "2026-01-02"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("1.10", "1.10"),
        ("9" * 19, "9" * 19),
        ("'456'", "456"),
        ("456", 456),
        ("-1", -1),
        ("0", 0),
        ("2.5", 2.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("!!str 456", "456"),
        ("14155550100", 14155550100),
    ],
)
def test_only_what_writes_back_the_same_is_more_than_text(tmp_path: Path, written: str, value: object) -> None:
    tree = load_document(write(tmp_path, f"a: {written}\n")).tree
    assert tree == {"a": value}
    assert type(tree["a"]) is type(value)


def test_settings_that_are_numbers_switches_or_ids_understand_all_ways_of_writing_them(tmp_path: Path) -> None:
    text = "items: [{id: 456, size: 010}, {id: 0101}]\non: on\nlimit: 1.10\n"
    root = validate(load_document(write(tmp_path, text)), Root)
    assert [(item.id, item.size) for item in root.items] == [("456", 10), ("0101", 1)]
    assert root.on is True
    assert root.limit == 1.1


def test_all_mistakes_are_told_at_once_with_file_line_key_and_the_nearest_word(tmp_path: Path) -> None:
    text = """\
items:
  - id: "1"
    sise: 2
  - {size: x}
auth:
  type: basik
limit: 11
on: maybe
itms: []
"""
    assert problems(write(tmp_path, text)) == [
        'config.yaml:3: items[0].sise: unknown key; did you mean "size"?',
        "config.yaml:4: items[1].id: is missing; add it",
        'config.yaml:4: items[1].size: must be a whole number, such as 25, not "x"',
        'config.yaml:6: auth.type: "basik" does not exist; did you mean "basic"?',
        "config.yaml:7: limit: must be at most 10, not 11",
        'config.yaml:8: on: must be true or false, not "maybe"',
        'config.yaml:9: itms: unknown key; did you mean "items"?',
    ]


def test_keys_inside_a_chosen_branch_are_told_without_the_branch(tmp_path: Path) -> None:
    text = "auth:\n  type: key\n  in: haeder\n  plaice: x\n"
    assert problems(write(tmp_path, text)) == [
        'config.yaml:3: auth.in: "haeder" does not exist; did you mean "header"?',
        "config.yaml:4: auth.plaice: unknown key; known here: type, in",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auth: {username: u}", "auth.type: is missing"),
        ("items: {id: 1}", "items: must be a list"),
        ("items: [1]", "items[0]: must be a mapping"),
        ("items:", "items: has no value"),
        ("items: [{id: true}]", 'write it in quotes: "true"'),
        ("- a", "a configuration is a mapping"),
        ("a", "a configuration is a mapping"),
        ("a: [", "is not closed"),
        ("a: b: c", "a colon of its own into quotes"),
        ("\ta: 1", "indent by spaces"),
        ('a: {x: "b}\nc: 1\nd: "e"', "is not closed"),
        ("a: {n: {{number}}}", "needs quotes"),
        ("a: 1\n---\nb: 1", "not valid YAML"),
        ("a: {b: ,\n  c: [,]}", "look at quotes, brackets and indentation here"),
        ("a: {x: ${HOME}}", "into quotes"),
        ("a: {path: calls[0].id}", "into quotes"),
        ("a: !!python/object:os.system {}", "os.system has no meaning"),
        ("a: !env HOME", "the tag !env has no meaning"),
        ("a: &a [*a]", "contains itself"),
        ("? [a]\n: 1", "a key must be a word"),
        ("a: \x00", "not valid YAML"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_every_mistake_is_said_in_plain_words(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems(write(tmp_path, text))[0]


def test_a_key_that_stands_twice_is_told_with_both_places(tmp_path: Path) -> None:
    text = "items:\n  - id: a\n    id: b\non: true\nitems: []\n"
    assert problems(write(tmp_path, text)) == [
        f"config.yaml:3: items[0].id: already given at {tmp_path}/config.yaml:2; keep one of them",
        f"config.yaml:5: items: already given at {tmp_path}/config.yaml:1; keep one of them",
    ]


def test_anchors_and_merges_are_understood(tmp_path: Path) -> None:
    text = "base: &base {id: a, size: 1}\nitems: [{<<: *base, size: 2}, *base]\n"
    assert load_document(write(tmp_path, text)).tree["items"] == [{"id": "a", "size": 2}, {"id": "a", "size": 1}]


def test_a_mapping_with_a_merge_may_come_again_by_an_alias(tmp_path: Path) -> None:
    text = "base: &base {id: a, size: 1}\nbig: &big {<<: *base, size: 2}\nitems: [*big, *big]\n"
    assert load_document(write(tmp_path, text)).tree["items"] == [{"id": "a", "size": 2}] * 2


def test_an_empty_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert load_document(write(tmp_path, "# nothing\n")).tree == {}


def test_a_folder_is_merged_key_by_key_in_the_order_of_its_names(tmp_path: Path) -> None:
    write(tmp_path, "a: {y: 2, d: {p: 1}}\nc: 3\n", "20.yml")
    write(tmp_path, "a: {x: 1, d: {q: 2}}\n", "10.yaml")
    write(tmp_path, "never: read\n", "30.yaml.bak")
    document = load_document(tmp_path)
    assert document.tree == {"a": {"x": 1, "y": 2, "d": {"q": 2, "p": 1}}, "c": 3}
    assert str(document.position(("a", "y"))) == f"{tmp_path}/20.yml:1"
    assert document.directory == tmp_path


def test_the_same_key_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, "a:\n  x: 1\nitems: []\n", "10.yaml")
    write(tmp_path, "items: []\na:\n  x: 2\n", "20.yaml")
    assert problems(tmp_path) == [
        f"20.yaml:1: items: already given at {tmp_path}/10.yaml:3; keep one of them",
        f"20.yaml:3: a.x: already given at {tmp_path}/10.yaml:2; keep one of them",
    ]


def test_all_files_that_cannot_be_parsed_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a: [\n", "10.yaml")
    (tmp_path / "20.yaml").write_bytes(b"a: \xff\n")
    assert [line.split(": ", 1)[0] for line in problems(tmp_path)] == ["10.yaml:2", "20.yaml:1"]


def test_a_path_that_cannot_even_be_looked_at_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError
    ):  # the system refuses such a name, as it refuses a folder without the right to enter
        load_document(tmp_path / ("n" * 300), {})


def test_a_missing_file_and_an_empty_folder_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        load_document(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"holds no \*\.yaml"):
        load_document(tmp_path)


def test_environment_variables_are_put_in_and_a_missing_one_is_named(tmp_path: Path) -> None:
    text = 'a: x-${ONE}-y\nb: "${TWO}${ONE}"\nc: $${ONE} $ONE ${}\n'
    document = load_document(write(tmp_path, text), {"ONE": "1"})
    assert document.tree == {"a": "x-1-y", "b": "1", "c": "${ONE} $ONE ${}"}
    assert [str(problem).partition(": ")[2][:42] for problem in document.problems] == [
        "b: the environment variable TWO is not set"
    ]


def test_a_number_whose_variable_is_missing_is_told_once(tmp_path: Path) -> None:
    (told,) = problems(write(tmp_path, "limit: ${NONE}\n"))
    assert "NONE is not set" in told


def test_a_missing_variable_is_told_beside_the_other_mistakes(tmp_path: Path) -> None:
    told = problems(write(tmp_path, "limit: 11\nitems: [{id: '${NONE}'}]\n"))
    assert [line.split(":")[1] for line in told] == ["1", "2"]


def test_what_a_variable_holds_is_never_read_as_yaml(tmp_path: Path) -> None:
    document = load_document(write(tmp_path, "a: ${ONE}\n"), {"ONE": "b: [1]\nc: ${TWO}"})
    assert document.tree == {"a": "b: [1]\nc: ${TWO}"}


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3same\n")
    file = write(tmp_path, "auth: {type: basic, username: u, password_file: pw}\n")
    root = validate(load_document(file), Root)
    assert isinstance(root.auth, Basic)
    assert root.auth.password.get_secret_value() == "s3same"
    assert "s3same" not in repr(root)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("password_file: none", "auth.password_file: the file none cannot be read: No such file"),
        ("password_file: [1]", "auth.password_file: is the name of a file"),
        ("password_file: none, password: x", "auth.password_file: give either password or password_file"),
        ("pasword_file: x", 'did you mean "password_file"'),
    ],
)
def test_a_secret_that_cannot_be_had_is_told_beside_the_other_mistakes(tmp_path: Path, keys: str, said: str) -> None:
    told = problems(write(tmp_path, f"auth: {{type: basic, {keys}}}\n"))
    assert any(said in line for line in told)
    assert any("auth.username: is missing" in line for line in told)
