"""Where the next page of an answer is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never
from urllib.parse import urljoin, urlsplit

from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.path import JsonPath
from ari_app.crm.document.model import PagingBy
from ari_app.crm.document.request import Page, Question

LONGEST_URL: Final = 8192
_OWN_PORTS: Final[Mapping[str, str]] = {"http": ":80", "https": ":443"}
_LINK: Final = re.compile(r"<(?P<url>[^<>]*)>(?P<parameters>[^<]*)")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*("(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)', re.IGNORECASE)


class AnswerError(Exception):
    """An answer that cannot be used: a list that is not whole must not pass for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back for one request. `url` is the one that was asked; names of headers without case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def next_page(question: Question, content: Any, answered: Answered, records: int) -> Page | None:
    """The page after this one, None when it was the last. Raises AnswerError.

    `content` is the answer's JSON, `records` how many it held. A link to another host is refused: it would be shown our
    credentials.
    """
    paging, page, url = question.hook.paging, question.page, answered.url
    if paging is None:
        return None
    following: Page | None
    match paging.by:
        case PagingBy.LINK:
            following = _linked(_text_at(paging.path, content), url, page)
        case PagingBy.LINK_HEADER:
            following = _linked(_of_header(answered.headers), url, page)
        case PagingBy.CURSOR:
            following = _with_cursor(_text_at(paging.path, content), page)
        case PagingBy.OFFSET:
            full = records >= paging.limit
            following = Page(number=page.number + 1, offset=page.offset + records) if full else None
        case PagingBy.PAGE:
            following = Page(number=page.number + 1) if records >= paging.limit else None
        case _:
            assert_never(paging.by)
    if following is not None and following.number >= paging.most:
        raise AnswerError(f"after {paging.most} pages there are more; set paging.most higher if so many are meant")
    return following


def _linked(link: str, url: str, page: Page) -> Page | None:
    if not link:
        return None
    try:
        following = urljoin(url, link)
    except ValueError:
        raise AnswerError(f"the link to the next page is no URL: {shown(link)}") from None
    if len(following) > LONGEST_URL or not following.isascii() or not following.isprintable() or " " in following:
        raise AnswerError(f"the link to the next page is no URL: {shown(following)}")
    if _origin(following) != _origin(url):
        raise AnswerError(f"the link to the next page leads to another server: {shown(following)}")
    following = following.partition("#")[0]
    if following == url:
        raise AnswerError("the link to the next page leads to the same page")
    return Page(number=page.number + 1, url=following)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower().removesuffix(_OWN_PORTS.get(parts.scheme, ""))


def _with_cursor(cursor: str, page: Page) -> Page | None:
    if not cursor:
        return None
    if len(cursor) > LONGEST_URL:
        raise AnswerError(f"the cursor of the next page is longer than {LONGEST_URL} characters")
    if cursor == page.cursor:
        raise AnswerError("the next page has the same cursor as this one")
    return Page(number=page.number + 1, cursor=cursor)


def _of_header(headers: Mapping[str, str]) -> str:
    value = ", ".join(text for name, text in headers.items() if name.lower() == "link")
    return next((link["url"] for link in _LINK.finditer(value) if _NEXT.search(link["parameters"])), "")


def _text_at(path: JsonPath | None, content: Any) -> str:
    if path is None:
        return ""
    try:
        value = path.node(content)
    except RoutingError:
        return ""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
