"""Whatever a document says, it is a document or each of its mistakes is told; and what it renders is a request."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agi_router.document import ConfigError
from agi_router.routing.errors import RoutingError
from ari_app.crm.document import Document, read, render
from ari_app.domain.crm import HookName, Upload
from tests.unit.crm.documents import asked

WHOLE: Mapping[str, Any] = {
    "id": "x",
    "name": "X",
    "properties": [{"name": "URL", "type": "url"}, "Key"],
    "auth": {"type": "Header", "name": "X-Key", "value": "$Key$"},
    "error": {"path": "error", "message": ["a.b"]},
    "values": {"t": {"of": "state", "map": {"a": "b"}}},
    "Users": {
        "request_path": "/u?a=$cursor?$",
        "paging": {"by": "cursor", "path": "n"},
        "response_map": {"records": [{"id": "$user_id$"}]},
    },
    "UpdateCallRecording": {
        "request_method": "POST",
        "request_path": "/r/$activity_id$",
        "query": {"q": ["$t$", 1]},
        "body": {"f": "$file_base64$", "n": ["$call_duration:number$", {"$if$": "$contact_id$"}]},
        "then": {"request_path": "/x", "response_map": {"id": "$file_id$"}},
    },
}
HOSTILE: tuple[Any, ...] = (
    *("", "$", "$$", "$x$", "$URL$", "$Key?$", "$file$", "$file_base64$", "$activity_id:number?$", "/../x", "//evil/x"),
    *("http://evil", "https://$Key$/x", "?", "#", "{{callId}}", "a\r\nb", "\ud800", "a[", "POST", "x" * 300),
    *(
        None,
        True,
        0,
        -1,
        1e9,
        [],
        {},
        [[]],
        [{}],
        {"": {}},
        {"a": ["$user_id$"]},
        [{"id": "$user_id$"}],
        {"default": {}},
    ),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, item in below for place in places(item, (*path, key)))]


def changed(path: tuple[Any, ...], value: Any, key: str | None) -> Any:
    """The document with another value at one place, or with another key there."""
    tree: Any = json.loads(json.dumps(WHOLE))
    holder = tree
    for step in path[:-1]:
        holder = holder[step]
    if not path:
        return value
    if key is not None and isinstance(holder, dict):
        holder[key] = holder.pop(path[-1])
    else:
        holder[path[-1]] = value
    return tree


@settings(max_examples=120, deadline=None)
@given(
    path=st.sampled_from(places(WHOLE)),
    value=st.sampled_from(HOSTILE) | st.text(max_size=20),
    key=st.none() | st.sampled_from(["API", "OAuth2", "then", "form", "multipart", "records_path", "set", "body", "x"]),
)
def test_a_document_with_one_odd_place(folder: Path, path: tuple[Any, ...], value: Any, key: str | None) -> None:
    file = folder / "crm.json"
    file.write_text(json.dumps(changed(path, value, key)), encoding="utf-8")
    try:
        document = read(file)
    except ConfigError as error:
        assert all(problem.message for problem in error.problems)
        return
    for hook in document.hooks:
        check_requests(document, hook, folder)


def check_requests(document: Document, hook: HookName, folder: Path) -> None:
    upload = Upload(path=folder / "crm.json", file_name="a", media_type="text/plain")
    properties = {"URL": "https://crm.example.com/v1", "Key": "k", "Base URL": "https://crm.example.com"}
    question = asked(document, hook, {"activity_id": "../1", "state": "a"}, properties=properties)
    try:
        sent = render(question, upload=upload, access_token="t")
    except RoutingError as error:
        assert error.failure.remedy
        return
    url = urlsplit(sent.url)
    assert url.scheme in {"http", "https"} and url.hostname
    assert re.fullmatch(r"[\x21-\x7e]+", sent.url)
    assert "../1" not in sent.url
    for name, text in sent.headers.items():
        assert name.isprintable() and text.isprintable() and text.isascii()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changed")
