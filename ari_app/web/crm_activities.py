"""Calls as CRMs have them: how far each CRM was told, and what needs a person."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from ari_app.access.scopes import Access, Scope
from ari_app.domain.activities import ActivityState
from ari_app.live.activities import ActivitiesForm, ActivityError, ResolveForm, activity_as_json
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router
from ari_app.wire.calls import Moment

resource = APIRouter(prefix="/crm/activities", tags=["crm"])

Asking = Annotated[Access, require(Scope.CRM_READ)]
Changing = Annotated[Access, require(Scope.CRM_WRITE)]
Connector = Annotated[str, Path(min_length=1, max_length=128, pattern=STORABLE, examples=["hubspot"])]
CallId = Annotated[str, Path(min_length=1, max_length=64, pattern=STORABLE, examples=["20261121T012209-4a8f0c1e9b7d"])]

_STATUSES: Final = {"activity_unknown": 404, "activity_settled": 409, "activity_changed": 409}


class Activity(BaseModel):
    """One call at one CRM."""

    id: int = Field(description="counts up; not the CRM's")
    connector: str = Field(examples=["hubspot"], description="the CRM's name in the configuration")
    call_id: str = Field(description="see GET /api/v1/calls/ID")
    state: ActivityState = Field(
        description="pending: the CRM does not have it; creating: it may have it; open; stopped: the call is over, and "
        "the CRM knows; unknown: nobody can tell what the CRM has done; failed: it does not take it, or not all of "
        "it; dismissed: by a person"
    )
    activity_id: str = Field(description='the CRM\'s id of it, "" while it is not known', examples=["98765"])
    url: str = Field(description='where people see it in the CRM, "" where the CRM does not tell')
    contact_id: str = Field(description="the contact to which it is assigned")
    recordings: list[str] = Field(description="ids of those that the CRM got")
    left: list[str] = Field(description="steps that the CRM does not take, or of which nobody knows")
    doing: str = Field(description="the step that is under way", examples=["UpdateCallRecording 20261121T0122-1"])
    attempts: int = Field(ge=0, description="that have failed in a row")
    failing_since: Moment | None
    due_at: Moment | None = Field(description="when it goes on; null: when there is something new")
    error: str = Field(description="why it failed, and what to do")
    created_at: Moment


class Activities(BaseModel):
    """A page of activities, the newest first."""

    items: list[Activity]
    next: int | None = Field(description="ask with cursor=... for the next page; null: there is none")


@resource.get("", operation_id="listActivities", responses=problems(401, 403, 422))
async def list_activities(router: Router, _: Asking, asked: Annotated[ActivitiesForm, Query()]) -> Activities:
    """Which calls CRMs have, and how far each was told of them."""
    await router.feed.flush()
    found, next_ = await router.activities.list(asked)
    return Activities(items=[Activity.model_validate(activity_as_json(each)) for each in found], next=next_)


@resource.post(
    "/{connector}/{call_id}/resolve", operation_id="resolveActivity", responses=problems(400, 401, 403, 404, 409, 422)
)
async def resolve_activity(
    router: Router, connector: Connector, call_id: CallId, form: ResolveForm, _: Changing
) -> Activity:
    """Decide about one that is unknown or failed: adopt the activity that the CRM has, try again, or leave it."""
    try:
        resolved = await router.activities.resolve(connector, call_id, form)
    except ActivityError as error:
        raise ProblemError(_STATUSES.get(error.code, 422), error.code, error.message, error.remedy) from None
    return Activity.model_validate(activity_as_json(resolved))
