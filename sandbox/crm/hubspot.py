"""A CRM that is shaped as HubSpot's public API documentation has it, and refuses what that does not know."""

import json
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from aiohttp import BodyPartReader, web

from sandbox.crm.server import CrmServer

LARGEST_PAGE: Final = 100
PROPERTIES: Final = {
    "contacts": frozenset(
        {
            *("firstname", "lastname", "email", "phone", "mobilephone", "company", "associatedcompanyid", "jobtitle"),
            *("hubspot_owner_id", "lastmodifieddate"),
        }
    ),
    "companies": frozenset({"name", "phone", "hubspot_owner_id", "hs_lastmodifieddate"}),
    "calls": frozenset(
        {
            *("hs_timestamp", "hs_call_title", "hs_call_direction", "hs_call_status", "hs_call_external_id"),
            *("hs_call_from_number", "hs_call_to_number", "hs_call_duration", "hs_attachment_ids", "hubspot_owner_id"),
        }
    ),
}
STATUSES: Final = frozenset(
    {
        *("BUSY", "CALLING_CRM_USER", "CANCELED", "COMPLETED", "CONNECTING", "FAILED", "IN_PROGRESS", "NO_ANSWER"),
        *("QUEUED", "RINGING"),
    }
)
CALL_TO: Final = {194: "contacts", 182: "companies"}
SEARCHED_AS_LOCAL: Final = {
    "hs_searchable_calculated_phone_number": "phone",
    "hs_searchable_calculated_mobile_number": "mobilephone",
}
_DEFAULT_PROPERTIES: Final = frozenset({"firstname", "lastname", "email"})

Row = dict[str, Any]


class RefusedError(Exception):
    """A request that the documentation does not allow."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class HubSpotCrm(CrmServer):
    """Keeps owners, contacts, companies, calls and files. What is new is found by a search `visible_after_s` later."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(address, port)
        self.refusal = 401
        self.owners: list[Row] = []
        self.objects: dict[str, dict[str, Row]] = {kind: {} for kind in PROPERTIES}
        self.files: list[Row] = []
        self.visible_after_s = 0.0
        self._ids = 500
        self._since: dict[str, float] = {}

    @property
    def url(self) -> str:
        """What `API address` is."""
        return self.origin

    def add_owner(self, **fields: str) -> Row:
        """Such as firstName, lastName, email."""
        self._ids += 1
        self.owners.append({"id": str(self._ids), "userId": self._ids + 9000, "archived": False, **fields})
        return self.owners[-1]

    def add(self, kind: str, **properties: str) -> Row:
        """A contact or company, with its properties."""
        return self._create(kind, properties)

    def add_routes(self, app: web.Application) -> None:
        """Its API."""
        objects = "/crm/v3/objects/{kind:contacts|companies|calls}"
        app.middlewares.append(_refusing)
        app.router.add_get("/crm/v3/owners", self._owners)
        app.router.add_get(objects, self._list)
        app.router.add_post(objects, self._post)
        app.router.add_post(f"{objects}/search", self._search)
        app.router.add_patch(f"{objects}/{{id}}", self._patch)
        app.router.add_put(
            "/crm/v4/objects/calls/{id}/associations/default/{to:contacts|companies}/{to_id}", self._associate
        )
        app.router.add_post("/files/v3/files", self._upload)

    async def _owners(self, request: web.Request) -> web.Response:
        return _page(request, self.owners)

    async def _list(self, request: web.Request) -> web.Response:
        wanted = frozenset(request.query.get("properties", "").split(",")) - {""} or _DEFAULT_PROPERTIES
        rows = self.objects[request.match_info["kind"]].values()
        return _page(request, [_with(row, wanted) for row in rows])

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.json()
        kind = request.match_info["kind"]
        to = [_target(association) for association in body.get("associations", [])]
        for to_kind, to_id in to:
            self._known(to_kind, to_id)
        row = self._create(kind, body["properties"])
        row["associations"] += to
        return web.json_response(_with(row, frozenset(body["properties"])), status=201)

    async def _patch(self, request: web.Request) -> web.Response:
        row = self._known(request.match_info["kind"], request.match_info["id"])
        properties = (await request.json())["properties"]
        _check(request.match_info["kind"], properties)
        row["properties"] |= {name: str(value) for name, value in properties.items()}
        return web.json_response(_with(row, frozenset(properties)))

    async def _search(self, request: web.Request) -> web.Response:
        body = await request.json()
        groups = body.get("filterGroups", [])
        if len(groups) > 5 or body.get("limit", 10) > LARGEST_PAGE:
            raise RefusedError("too many filter groups, or too large a page")
        seen = [
            row
            for row in self.objects[request.match_info["kind"]].values()
            if self._since[row["id"]] + self.visible_after_s <= monotonic()
        ]
        found = [row for row in seen if any(all(_fits(row, one) for one in group["filters"]) for group in groups)]
        shown = [_with(row, frozenset(body.get("properties", []))) for row in found[: body.get("limit", 10)]]
        return web.json_response({"total": len(found), "results": shown})

    async def _associate(self, request: web.Request) -> web.Response:
        to_kind, to_id = request.match_info["to"], request.match_info["to_id"]
        self._known(to_kind, to_id)
        self._known("calls", request.match_info["id"])["associations"].append((to_kind, to_id))
        return web.json_response({"status": "COMPLETE", "results": []})

    async def _upload(self, request: web.Request) -> web.Response:
        fields: Row = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            fields[part.name or ""] = bytes(await part.read()) if part.filename else await part.text()
        if "access" not in json.loads(fields.get("options", "{}")) or not {"folderPath", "folderId"} & fields.keys():
            raise RefusedError("options.access and a folder are required")
        self._ids += 1
        self.files.append({"id": str(self._ids), **fields})
        return web.json_response({"id": str(self._ids), "access": "PRIVATE", "size": len(fields["file"])}, status=201)

    def _create(self, kind: str, properties: Row) -> Row:
        _check(kind, properties)
        if kind == "calls" and not properties.get("hs_timestamp"):
            raise RefusedError("hs_timestamp is required")
        email = properties.get("email")
        if email and any(row["properties"].get("email") == email for row in self.objects[kind].values()):
            raise RefusedError("Contact already exists", 409)
        self._ids += 1
        changed = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        kept = {changed: datetime.now(UTC).isoformat()} | {name: str(value) for name, value in properties.items()}
        row: Row = {"id": str(self._ids), "properties": kept, "associations": []}
        self._since[row["id"]] = monotonic()
        return self.objects[kind].setdefault(row["id"], row)

    def _known(self, kind: str, wanted: str) -> Row:
        row = self.objects[kind].get(wanted)
        if row is None:
            raise RefusedError(f"no {kind} with the id {wanted}", 404)
        return row


@web.middleware
async def _refusing(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except RefusedError as error:
        return web.json_response({"status": "error", "message": str(error)}, status=error.status)
    return answer


def _check(kind: str, properties: Row) -> None:
    for name, value in properties.items():
        if name not in PROPERTIES[kind]:
            raise RefusedError(f"Property {name} does not exist")
        if name == "hs_call_status" and value not in STATUSES:
            raise RefusedError(f"{value} was not one of the allowed options")
        if name == "hs_call_direction" and value not in {"INBOUND", "OUTBOUND"}:
            raise RefusedError(f"{value} was not one of the allowed options")


def _target(association: Row) -> tuple[str, str]:
    (kind,) = association["types"]
    if kind["associationCategory"] != "HUBSPOT_DEFINED" or kind["associationTypeId"] not in CALL_TO:
        raise RefusedError("no such association type")
    return CALL_TO[kind["associationTypeId"]], str(association["to"]["id"])


def _fits(row: Row, one: Row) -> bool:
    """Whether a filter of a search fits; the searchable numbers are without their country code."""
    if one["operator"] != "EQ" or not one["value"]:
        raise RefusedError("a filter needs an operator that is known, and a value")
    name = one["propertyName"]
    if name in SEARCHED_AS_LOCAL:
        digits = "".join(filter(str.isdigit, row["properties"].get(SEARCHED_AS_LOCAL[name], "")))
        return len(digits) >= 7 and digits.endswith(one["value"]) and len(digits) - len(one["value"]) <= 3
    return bool(row["properties"].get(name) == one["value"])


def _with(row: Row, properties: frozenset[str]) -> Row:
    shown = {name: row["properties"].get(name) for name in sorted(properties)}
    return {"id": row["id"], "properties": shown, "archived": False}


def _page(request: web.Request, rows: list[Row]) -> web.Response:
    limit = int(request.query.get("limit", "10"))
    if limit > LARGEST_PAGE:
        raise RefusedError("limit is at most 100")
    after = request.query.get("after")
    start = 0 if after is None else next(index + 1 for index, row in enumerate(rows) if row["id"] == after)
    shown = rows[start : start + limit]
    more = {"paging": {"next": {"after": shown[-1]["id"]}}} if start + limit < len(rows) else {}
    return web.json_response({"results": shown, **more})
