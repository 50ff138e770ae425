"""What a second URL may get: nothing that was meant for the first one alone, unless the operator says so."""

from collections.abc import Iterator

from agi_router.lookup.masking import secret_places
from agi_router.lookup.upstream import same_origin
from agi_router.routing.auth import NoAuth
from agi_router.routing.route import Request
from agi_router.settings.request_headers import At, header_problems
from agi_router.settings.request_section import SameAuthSection, SecondAuthSection


def second_url_problems(request: Request, given: SecondAuthSection | None) -> Iterator[tuple[At, str]]:
    """What is wrong with the second URL, if there is one: where it stands in the request, and a sentence.

    `given` is the key `second_auth` as the operator wrote it.
    """
    second = request.second
    if second is None:
        return
    if second.url == request.url:
        yield ("second_url",), "is the same as url, which is tried again anyway; name another one, or take it away"
    if same_origin(second.url.origin) != same_origin(request.url.origin):
        yield from _leaks(request, given)
    for where, message in header_problems(second):
        yield tuple("second_auth" if part == "auth" else part for part in where), message


def _leaks(request: Request, given: SecondAuthSection | None) -> Iterator[tuple[At, str]]:
    secrets = [".".join(place) for place in secret_places(request)]
    match given:
        case SameAuthSection():
            pass
        case None:
            held = [*([] if isinstance(request.auth, NoAuth) else ["auth"]), *secrets]
            if held:
                yield (
                    ("second_url",),
                    f"stands at another origin than url, and would get {' and '.join(held)} too; if it may, write "
                    "second_auth: {type: same}; else write there what it gets, or {type: none}",
                )
        case _:
            if secrets:
                yield (
                    ("second_auth",),
                    f"says who asks there, but {' and '.join(secrets)} would go there too; put the secret into auth "
                    "(type: api_key), or, if it may go there, write second_auth: {type: same}",
                )
