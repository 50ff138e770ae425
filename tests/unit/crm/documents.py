"""Documents for the tests of their language: written to a file, read, and asked."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agi_router.document import ConfigError
from ari_app.crm.document import Answered, Document, Question, Records, Rendered, Unread, read, read_answer, render
from ari_app.domain.crm import HookName, Upload

USERS: Mapping[str, Any] = {"request_path": "/users", "response_map": {"records": [{"Id": "$user_id$"}]}}
MINIMAL: Mapping[str, Any] = {
    "id": "x",
    "name": "X",
    "class": "crm",
    "base_url": "https://crm.example.com/api",
    "Users": USERS,
}
URL = "https://crm.example.com/api/x"

Loads = Callable[..., Document]


def written(folder: Path, document: Any, name: str = "crm.json") -> Document:
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
    return read(file)


def problems(folder: Path, **keys: Any) -> list[str]:
    """What is said of the smallest document with these keys: without the file, but with the line."""
    with pytest.raises(ConfigError) as raised:
        written(folder, {**MINIMAL, **keys})
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]


def only(folder: Path, **keys: Any) -> str:
    """The one problem, without its place in the file."""
    (problem,) = problems(folder, **keys)
    return problem.partition(": ")[2]


def asked(document: Document, hook: HookName, values: Mapping[str, str] | None = None, **more: Any) -> Question:
    properties = more.pop("properties", {})
    return Question(document=document, hook=document.hooks[hook], properties=properties, values=values or {}, **more)


def request(
    folder: Path, hook: HookName, keys: Mapping[str, Any], values: Mapping[str, str] | None = None, **more: Any
) -> Rendered:
    """What the hook with these keys sends."""
    upload: Upload | None = more.pop("upload", None)
    document = written(folder, {**MINIMAL, **more.pop("top", {}), hook.value: keys})
    return render(asked(document, hook, values, **more), upload=upload)


def answer(
    folder: Path, hook: HookName, keys: Mapping[str, Any], body: Any, status: int = 200, **more: Any
) -> Records | Unread:
    """How an answer to the hook with these keys is read."""
    document = written(folder, {**MINIMAL, **more.pop("top", {}), hook.value: {"request_path": "/x", **keys}})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = more.pop("headers", {})
    url = more.pop("url", URL)
    question = asked(document, hook, more.pop("values", {}), **more)
    return read_answer(question, Answered(status=status, headers=headers, body=content, url=url))


def records(read: Records | Unread) -> list[dict[str, str]]:
    """The values that are there."""
    assert isinstance(read, Records), read
    return [{name: value for name, value in record.items() if value} for record in read.records]
