"""One call that is on record, and its trace."""

from typing import Annotated

from fastapi import APIRouter, Path

from ari_app.access.scopes import Access, Scope
from ari_app.domain.activities import Activity
from ari_app.domain.story import told
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router
from ari_app.web.shapes import ActivityOfCall, CallOnRecord, Trace, TracedEvent
from ari_app.wire.calls import CallWithParts

resource = APIRouter(prefix="/calls", tags=["calls"])

CallId = Annotated[str, Path(min_length=1, max_length=64, pattern=STORABLE, examples=["20261121T012209-4a8f0c1e9b7d"])]


@resource.get("/{call_id}", operation_id="getCall", responses=problems(401, 403, 404, 422))
async def get_call(router: Router, call_id: CallId, _: Annotated[Access, require(Scope.CALLS_READ)]) -> CallOnRecord:
    """One call, over or not, with its legs and all who took part in it."""
    await router.feed.flush()  # whoever has just placed it looks for it at once
    record = await router.calls.entry(call_id)
    if record is None:
        raise _unknown(call_id)
    recordings = [each.id for each in await router.recordings.archive.of_call(call_id)]
    activities = [_activity(each) for each in await router.activities.of_call(call_id)]
    whole = dict(CallWithParts.of(record, await router.calls.parts(call_id)))
    return CallOnRecord(**whole, recordings=recordings, activities=activities)


@resource.get("/{call_id}/trace", operation_id="getTrace", responses=problems(401, 403, 404, 422))
async def get_trace(router: Router, call_id: CallId, _: Annotated[Access, require(Scope.CALLS_READ)]) -> Trace:
    """What happened to a call, step by step, as `agi-router calls ID` tells it."""
    await router.feed.flush()  # whoever has just placed it looks for it at once
    history = await router.calls.history(call_id)
    if not history and await router.calls.entry(call_id) is None:
        raise _unknown(call_id)
    return Trace(
        call_id=call_id,
        events=[
            TracedEvent(
                seq=seq,
                at=stored.at,
                offset_ms=round(line.offset_s * 1000, 3),
                type=stored.type,
                text=line.text,
                data=dict(stored.data),
            )
            for seq, (stored, line) in enumerate(told(call_id, history), start=1)
        ],
    )


def _activity(activity: Activity) -> ActivityOfCall:
    return ActivityOfCall(
        connector=activity.connector,
        state=activity.state,
        id=activity.activity_id,
        url=activity.url or None,
        error=activity.error or None,
    )


def _unknown(call_id: str) -> ProblemError:
    return ProblemError(
        404, "unknown_call", f"no call on record has the id {call_id}", "GET /api/v1/calls lists those there are."
    )
