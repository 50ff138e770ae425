"""Whose key this is, for programs that want to know before they begin."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ari_app.access.scopes import Scope
from ari_app.web.access import Caller
from ari_app.web.problems import problems

resource = APIRouter(prefix="/whoami", tags=["access"])


class WhoAmI(BaseModel):
    """A key, as its owner may see it."""

    key: str = Field(description="its name", examples=["crm"])
    key_id: str = Field(description="the part between the underscores", examples=["9e6af689c867"])
    scopes: list[Scope] = Field(description="what it may do, in alphabetical order")
    expires_at: datetime | None = Field(description="until when it is taken; null: for ever")


@resource.get("", operation_id="whoAmI", responses=problems(401))
async def who_am_i(access: Caller) -> WhoAmI:
    """What the key of this request is, and what it may do. Needs no scope."""
    return WhoAmI(key=access.key, key_id=access.key_id, scopes=sorted(access.scopes), expires_at=access.expires_at)
