"""A command as programs write it: in the query, in the path, as a form or as JSON, and in the charset they name.

Ameyo's page prints several of these and shows no complete request; users are known to send the others.
"""

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, unquote

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agi_router.decide.planning import MOST_PARAMETERS
from ari_app.web.faces.bodies import Word, first_mistake
from ari_app.web.problems import ProblemError

COMMANDS: Final = ("clickToDialWithToken", "clickToCallWithToken")
"""One and the same, by the name in the page's text, and by that in its sample URL (section 5.6)."""

CHARSETS: Final = {
    codecs.lookup(name).name: name
    for name in ("utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16")
}
"""What is read and written, by Python's names."""

_PRINTED: Final = re.compile(r".*?/command=(?P<command>[^&?]*)(?:[&?]data=(?P<data>.*))?", re.DOTALL)
_MOST_FIELDS: Final = 20


def _object(given: Any) -> Any:
    """Programs that build the data by hand put an object into a string, or leave that empty."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given) if given.strip() else None
    except ValueError:
        raise ValueError("is no JSON object") from None


def _text(given: Any) -> Any:
    """`null` as an empty text; true, false and numbers as JSON has them."""
    if given is None:
        return ""
    return json.dumps(given) if isinstance(given, (bool, int, float)) else given


_Long = Annotated[str, Field(max_length=10_000)]
Value = Annotated[_Long, BeforeValidator(_text, json_schema_input_type=_Long | bool | int | float | None)]


class ClickToDial(BaseModel):
    """`data`: who is to speak with whom. What else is in it is passed over."""

    model_config = ConfigDict(str_strip_whitespace=True)

    userId: Word = Field(  # noqa: N815 - as the page has it
        description="the agent: the id, the extension or the e-mail address of a user", examples=["456"]
    )
    campaignId: Word = Field(  # noqa: N815
        description="the id of one of `campaigns`, an outbound one", examples=["renewals"]
    )
    phone: Word = Field(description="the customer's number", examples=["12025550123"])
    additionalParams: Annotated[  # noqa: N815
        dict[str, Value] | None,
        BeforeValidator(_object),
    ] = Field(
        None,
        max_length=MOST_PARAMETERS,
        description="Channel variables of both sides: CaseID becomes AGI_ROUTER_PARAM_CaseID.",
        examples=[{"CaseID": "17"}],
    )
    shouldAddCustomer: Any = Field(  # noqa: N815
        None, description="is passed over: the router keeps no customers", examples=[True]
    )

    @property
    def parameters(self) -> dict[str, str]:
        """`additionalParams`, if there are any."""
        return self.additionalParams or {}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, and the charset that the request names, in which it is answered ("": it names none)."""

    data: ClickToDial
    charset: str


async def read(request: Request, printed: str = "") -> Asked:
    """The command of this request; `printed` is the raw path that has it in itself. Raises ProblemError."""
    charset = _charset(request)
    try:
        fields = await _fields(request, printed, charset or "utf-8")
        if fields.get("command") not in COMMANDS:
            raise _wrong(f"command is {fields.get('command') or 'missing'}", f"Send command={COMMANDS[0]}.")
        if (given := fields.get("data")) is None:
            raise _wrong("data is missing", "Send data={...}, encoded for a URL, or JSON as the body.")
        data = ClickToDial.model_validate(json.loads(given) if isinstance(given, str) else given)
    except ValidationError as error:
        is_missing = error.errors(include_input=False)[0]["type"] == "missing"
        remedy = "Send userId, campaignId and phone in data." if is_missing else "Correct it, and ask again."
        raise _wrong(first_mistake(error, "data"), remedy) from None
    except (ValueError, RecursionError):  # no JSON, or no such charset's text
        raise _wrong("data is no JSON", "Send data={...}, encoded for a URL, in the charset that is named.") from None
    return Asked(data, charset)


def _charset(request: Request) -> str:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    try:
        named = message.get_content_charset("")
        return CHARSETS[codecs.lookup(named).name] if named else ""
    except (LookupError, ValueError):
        raise _wrong("its charset is not known here", f"Send one of {', '.join(CHARSETS.values())}.") from None


async def _fields(request: Request, printed: str, charset: str) -> Mapping[str, Any]:
    """`command`, a text, and `data`, JSON or what it says. Those in the address come before those in the body."""
    query = request.scope["query_string"].decode("latin-1")
    if printed:
        whole = unquote(f"{printed}?{query}" if query else printed, charset, errors="strict")
        found = _PRINTED.fullmatch(whole)
        address = {name: value for name, value in found.groupdict().items() if value is not None} if found else {}
    else:
        address = _pairs(query, charset)
    return await _body(request, charset) | address


async def _body(request: Request, charset: str) -> dict[str, Any]:
    body = (await request.body()).decode(charset).lstrip("\ufeff").strip()
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
            return dict(form)
    if not body.startswith(("{", "[")):
        return _pairs(body, charset)
    given = json.loads(body)  # also where it is said to be a form: so does curl -d
    if isinstance(given, dict) and "data" in given and "userId" not in given:
        return given
    return {"data": given}


def _pairs(text: str, charset: str) -> dict[str, Any]:
    if text.count("&") >= _MOST_FIELDS:
        raise _wrong(f"there are more than {_MOST_FIELDS} fields", "Send command and data alone.")
    return dict(parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict"))


def _wrong(detail: str, remedy: str) -> ProblemError:
    return ProblemError(400, "bad_request", detail, remedy)
