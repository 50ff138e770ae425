"""A CRM with a plain REST API: the one that the document `generic` describes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from aiohttp import BodyPartReader, web

from sandbox.crm.server import CrmServer

BASE = "/api/v1"
PHONES = ("phone", "mobile")
CHUNK = 65_536

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file that was attached to an activity; of its content only what tells whether all of it came."""

    activity_id: str
    name: str
    media_type: str
    size: int
    sha256: str
    fields: dict[str, str]


class GenericCrm(CrmServer):
    """Keeps users, contacts, organizations, activities and files: lists of rows as its API shows them.

    Lists come in pages: {"records": [...], "next_page": 2 or null}; contacts and organizations also those alone that
    have changed (`updated_since`). A contact is found by exactly the text that stands in its `phone` or `mobile`. With
    `takes_keys` activities of one Idempotency-Key are created once. A new activity is found by its `external_id` only
    after `visible_after_s` seconds. `next_pages` has pages followed by others than the next one.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(address, port)
        self.users: list[Row] = []
        self.contacts: list[Row] = []
        self.organizations: list[Row] = []
        self.activities: list[Row] = []
        self.files: list[KeptFile] = []
        self.takes_keys = False
        self.visible_after_s = 0.0
        self.page_size = 100
        self.next_pages: dict[str, int] = {}
        self._ids = 0
        self._created: dict[str, float] = {}
        self._keys: dict[str, Row] = {}

    @property
    def url(self) -> str:
        """What `Base URL` is, without a slash at the end."""
        return f"{self.origin}{BASE}"

    def add_user(self, **fields: str) -> Row:
        """Such as first_name, last_name, email, phone, extension; an `id` is made up where none is given."""
        return self._add(self.users, "u", fields)

    def add_contact(self, **fields: str) -> Row:
        """Such as first_name, last_name, phone, mobile, email, company_name, company_id, job_title, owner_id, url."""
        return self._add(self.contacts, "c", fields)

    def add_organization(self, **fields: str) -> Row:
        """Such as name, phone, email, owner_id, url."""
        return self._add(self.organizations, "o", fields)

    def of_call(self, call_id: str) -> list[Row]:
        """The activities with this `external_id`."""
        return [each for each in self.activities if each.get("external_id") == call_id]

    def add_routes(self, app: web.Application) -> None:
        """Its API."""
        app.router.add_get(f"{BASE}/users", self._users)
        app.router.add_get(f"{BASE}/contacts", self._contacts)
        app.router.add_post(f"{BASE}/contacts", self._create_contact)
        app.router.add_patch(f"{BASE}/contacts/{{id}}", self._change_contact)
        app.router.add_get(f"{BASE}/organizations", self._organizations)
        app.router.add_get(f"{BASE}/activities", self._activities)
        app.router.add_post(f"{BASE}/activities", self._create_activity)
        app.router.add_patch(f"{BASE}/activities/{{id}}", self._change_activity)
        app.router.add_post(f"{BASE}/activities/{{id}}/files", self._attach)

    async def _users(self, request: web.Request) -> web.Response:
        return self._page(request, self.users)

    async def _organizations(self, request: web.Request) -> web.Response:
        return self._page(request, _since(request, self.organizations))

    async def _contacts(self, request: web.Request) -> web.Response:
        number = request.query.get("phone")
        if number is None:
            return self._page(request, _since(request, self.contacts))
        return self._page(request, [row for row in self.contacts if number in {row.get(name) for name in PHONES}])

    async def _create_contact(self, request: web.Request) -> web.Response:
        return web.json_response(self._add(self.contacts, "c", await request.json()), status=201)

    async def _change_contact(self, request: web.Request) -> web.Response:
        return await self._change(request, self.contacts)

    async def _activities(self, request: web.Request) -> web.Response:
        wanted = request.query.get("external_id")
        now = monotonic()
        seen = [row for row in self.activities if self._created[row["id"]] + self.visible_after_s <= now]
        return self._page(request, [row for row in seen if wanted in {None, row.get("external_id")}])

    async def _create_activity(self, request: web.Request) -> web.Response:
        key = request.headers.get("Idempotency-Key") if self.takes_keys else None
        if key is not None and key in self._keys:
            return web.json_response(self._keys[key], status=200)
        row = self._add(self.activities, "a", await request.json())
        row["url"] = f"{self.origin}/activities/{row['id']}"
        self._created[row["id"]] = monotonic()
        if key is not None:
            self._keys[key] = row
        return web.json_response(row, status=201)

    async def _change_activity(self, request: web.Request) -> web.Response:
        return await self._change(request, self.activities)

    async def _attach(self, request: web.Request) -> web.Response:
        row = _by_id(self.activities, request.match_info["id"])
        if row is None:
            return web.json_response({"error": "no such activity"}, status=404)
        fields: dict[str, str] = {}
        kept: KeptFile | None = None
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.filename is None:
                fields[part.name or ""] = await part.text()
                continue
            digest, size = hashlib.sha256(), 0
            while chunk := await part.read_chunk(CHUNK):
                digest.update(chunk)
                size += len(chunk)
            kept = KeptFile(
                activity_id=row["id"],
                name=part.filename,
                media_type=part.headers.get("Content-Type", ""),
                size=size,
                sha256=digest.hexdigest(),
                fields=fields,
            )
        if kept is None:
            return web.json_response({"error": "no file"}, status=400)
        self.files.append(kept)
        return web.json_response({"id": f"f{len(self.files)}"}, status=201)

    async def _change(self, request: web.Request, rows: Iterable[Row]) -> web.Response:
        row = _by_id(rows, request.match_info["id"])
        if row is None:
            return web.json_response({"error": "not found"}, status=404)
        row |= {**(await request.json()), "updated_at": _now()}
        return web.json_response(row)

    def _add(self, rows: list[Row], kind: str, fields: Row) -> Row:
        self._ids += 1
        row = {"id": f"{kind}{self._ids}", **fields, "updated_at": fields.get("updated_at") or _now()}
        rows.append(row)
        return row

    def _page(self, request: web.Request, rows: list[Row]) -> web.Response:
        page = int(request.query.get("page") or 1)
        size = min(int(request.query.get("per_page") or self.page_size), self.page_size)
        shown = rows[(page - 1) * size : page * size]
        more = self.next_pages.get(str(page), page + 1 if page * size < len(rows) else None)
        return web.json_response({"records": shown, "next_page": more, "total": len(rows)})


def _since(request: web.Request, rows: Iterable[Row]) -> list[Row]:
    """Those that have changed since `updated_since`, as the request names it."""
    since = request.query.get("updated_since")
    if since is None:
        return list(rows)
    return [row for row in rows if datetime.fromisoformat(row["updated_at"]) >= datetime.fromisoformat(since)]


def _by_id(rows: Iterable[Row], wanted: str) -> Row | None:
    return next((row for row in rows if row["id"] == wanted), None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
