"""The header by which a request that is sent again is carried out once."""

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request

from ari_app.web.problems import ProblemError

LONGEST_KEY: Final = 255
_FORM: Final = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-~][!-~]*)$'
"""A string (RFC 9651, section 3.3.3), or a word without quotes, as most programs send it."""


def _key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=LONGEST_KEY,
            pattern=_FORM,
            description="A name of this request, new for each one; in double quotes or without. Sent again with it, the"
            " request is not carried out a second time and has the first one's answer, for a day"
            " (draft-ietf-httpapi-idempotency-key-header).",
            examples=['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
        ),
    ] = None,
) -> str | None:
    """The key without its quotes."""
    if len(request.headers.getlist("idempotency-key")) > 1:
        raise ProblemError(422, "bad_request", "idempotency-key: comes more than once", "Send one.")
    if idempotency_key is None or not idempotency_key.startswith('"'):
        return idempotency_key
    return re.sub(r"\\(.)", r"\1", idempotency_key[1:-1])


IdempotencyKey = Annotated[str | None, Depends(_key)]
"""A parameter of a path operation."""

REPLAYED: Final[dict[str, Any]] = {
    "Idempotency-Replayed": {
        "description": "true: this is the answer of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    }
}
