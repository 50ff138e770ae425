"""The body of a request: JSON, a form, a form with a file, or the file itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agi_router.routing.route import Scalar
from ari_app.crm.document.model import Body, FileBodyText, FormBody, JsonBody, JsonText, MultipartBody, NoBody
from ari_app.crm.document.parsing import At, Parsing
from ari_app.crm.document.sections import HookSection
from ari_app.crm.document.text import Text
from ari_app.crm.document.variables import FILE, FILE_BASE64
from ari_app.domain.crm import HookName

_WHOLE_FILE: Final = f"${FILE}$"
_BODIES: Final = ("body", "request_body", "form", "multipart")

Fields = tuple[tuple[str, Text | Scalar], ...]


def parse_body(parsing: Parsing, at: At, name: HookName, section: HookSection, known: Sequence[str]) -> Body:
    """The body of the hook at this place. Mistakes go to `parsing`."""
    written = [key for key in _BODIES if key in section.model_fields_set]
    if not written:
        return NoBody()
    for key in written[1:]:
        parsing.problem((*at, key), f"stands beside {written[0]}; a request has one body")
    if section.request_method == "GET":
        parsing.problem((*at, written[0]), "is not sent by a GET; write request_method: POST")
    making = _Making(parsing, (*at, written[0]), name, known)
    match written[0]:
        case "form":
            return FormBody(parse_fields(parsing, (*at, "form"), section.form or {}, known))
        case "multipart":
            headers = section.headers or section.request_headers or {}
            return making.multipart(section.multipart or {}, headers)
        case key:
            return making.json(getattr(section, key))


def parse_fields(parsing: Parsing, at: At, written: Mapping[str, Any], known: Sequence[str]) -> Fields:
    """Names with one value each; a list of values is the same name several times."""
    pairs: list[tuple[str, Text | Scalar]] = []
    for name, item in written.items():
        if isinstance(item, list):
            pairs += [(name, parsing.field((*at, name, index), each, known)) for index, each in enumerate(item)]
        else:
            pairs.append((name, parsing.field((*at, name), item, known)))
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class _Making:
    parsing: Parsing
    at: At
    name: HookName
    known: Sequence[str]

    def json(self, content: Any) -> Body:
        if content == _WHOLE_FILE:
            self._needs_recording(self.at)
            return FileBodyText()
        has_file = self.name is HookName.UPDATE_CALL_RECORDING
        made = self.parsing.json(self.at, content, (*self.known, *([FILE_BASE64] if has_file else [])))
        if _count_files(made) > 1:
            self.parsing.problem(self.at, f"holds ${FILE_BASE64}$ twice; the file is sent once")
        return JsonBody(made)

    def multipart(self, written: Mapping[str, Any], headers: Mapping[str, str]) -> Body:
        files = [name for name, item in written.items() if item == _WHOLE_FILE]
        for name in files:
            self._needs_recording((*self.at, name))
        for name in files[1:]:
            self.parsing.problem((*self.at, name), "is the file a second time; it is sent once")
        if any(name.lower() == "content-type" for name in headers):
            self.parsing.problem(self.at, "sets Content-Type by itself; take the header away")
        others = {name: item for name, item in written.items() if item != _WHOLE_FILE}
        return MultipartBody(parse_fields(self.parsing, self.at, others, self.known), files[0] if files else "")

    def _needs_recording(self, at: At) -> None:
        if self.name is not HookName.UPDATE_CALL_RECORDING:
            self.parsing.problem(at, f"there is a file in {HookName.UPDATE_CALL_RECORDING} alone")


def _count_files(node: JsonText) -> int:
    match node:
        case Text():
            return sum(not isinstance(part, str) and part.name == FILE_BASE64 for part in node.parts)
        case dict():
            return sum(map(_count_files, node.values()))
        case list():
            return sum(map(_count_files, node))
        case _:
            return 0
