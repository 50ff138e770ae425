"""Text messages: one is sent to the phones of a user; those that were sent or received are on record."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.domain.history import Order, Paging
from ari_app.domain.messages import MessageDirection, MessageFilter, MessageStatus, TextMessage
from ari_app.live.message_json import message_as_json
from ari_app.live.messages import MessageForm
from ari_app.live.once import Outcome
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE, Name, WantedPeriod, user_ids
from ari_app.web.failures import problem_of
from ari_app.web.idempotency import REPLAYED, IdempotencyKey
from ari_app.web.links import message_path
from ari_app.web.paging import Listed
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router

LONGEST_PAGE: Final = 200
"""Messages of 4 KB each: some 10 ms of the loop in which calls run."""

_SENT: Final[dict[str, Any]] = {
    "Location": {"description": "The message on record.", "schema": {"type": "string"}},
    **REPLAYED,
}


class SentContact(BaseModel):
    """What came of a message at one phone."""

    model_config = ConfigDict(from_attributes=True)

    endpoint: str = Field(examples=["PJSIP/ada"])
    contact: str = Field(description="its SIP URI", examples=["sip:ada@192.0.2.7:5060"])
    status: MessageStatus = Field(description="sent: Asterisk has taken it; whether the phone did is never known")
    reason: str = Field(description="why Asterisk did not take it")


class Message(BaseModel):
    """A text message that was sent or received."""

    model_config = ConfigDict(serialize_by_alias=True)

    id: str = Field(examples=["msg-20261121T114416-b09fa47b187a"])
    at: AwareDatetime
    direction: MessageDirection = Field(description="outbound: sent by the router; inbound: sent by a phone")
    status: MessageStatus = Field(description="sent: Asterisk has taken it for at least one phone")
    from_: str = Field(
        alias="from", description="what phones were shown; of an inbound one what its phone claims", examples=["102"]
    )
    to: str = Field(description="as it was asked for; of an inbound one what was dialled", examples=["ada@example.com"])
    text: str
    user: str = Field(description="for whom it is, or who has sent it: a user's id, or empty", examples=["456"])
    endpoint: str = Field(
        description="which phone has sent it, as Asterisk knows it by its password or address; of an outbound one the"
        " only device for which it was, or empty",
        examples=["PJSIP/ada"],
    )
    contacts: list[SentContact] = Field(description="those that it was sent to")
    reason: str = Field(
        description="why it failed; text_lost: its text was longer than the 1023 bytes that Asterisk hands over"
    )
    key: str = Field(description="the name of the API key that has sent it")

    @classmethod
    def of(cls, message: TextMessage) -> "Message":
        """The message as it is shown."""
        return cls.model_validate(message_as_json(message))


class WantedMessages(WantedPeriod):
    """Which messages: all that is given holds, of several values one."""

    user: list[Name] = Field([], max_length=100, description="who sent or got it: an id, e-mail address or extension")
    direction: list[MessageDirection] = Field([], max_length=2)
    sort: Order = Order.NEWEST_FIRST
    offset: int = Field(0, ge=0, le=1_000_000_000, description="how many to leave out; not beside a cursor")
    limit: int = Field(100, ge=1, le=LONGEST_PAGE, description="how many at most")
    cursor: str = Field("", max_length=512, description="`next` of the page before")


resource = APIRouter(prefix="/messages", tags=["messages"])

Reading = Annotated[Access, require(Scope.MESSAGES_READ)]
MessageId = Annotated[
    str, Path(min_length=1, max_length=64, pattern=STORABLE, examples=["msg-20261121T114416-b09fa47b187a"])
]


@resource.post(
    "",
    operation_id="sendMessage",
    status_code=202,
    responses={
        202: {"description": "Asterisk has taken it for at least one phone.", "headers": _SENT},
        **problems(400, 401, 403, 404, 409, 422, 429, 502, 503),
    },
)
async def send_message(
    form: MessageForm,
    router: Router,
    access: Annotated[Access, require(Scope.MESSAGES_SEND)],
    response: Response,
    key: IdempotencyKey,
) -> Message:
    """Send a text to all registered phones of a user.

    202: Asterisk has taken it for at least one of them; what a phone answers never comes back, so nobody knows whether
    it was shown. 404: there is no such user. 409: none of his phones is registered. 502 and 503: Asterisk did not take
    it, or cannot be reached.
    """
    if key is None:
        outcome = Outcome(await router.messages.send(form, access.key))
    else:
        outcome = await router.messages.send_once(form, key=access.key, owner=access.key_id, idempotency_key=key)
    if isinstance(outcome.result, Failure):
        raise problem_of(outcome.result)
    response.headers["location"] = message_path(outcome.result.id)
    if outcome.is_replay:
        response.headers["idempotency-replayed"] = "true"
    return Message.of(outcome.result)


@resource.get("", operation_id="listMessages", responses=problems(401, 403, 422))
async def list_messages(router: Router, _: Reading, asked: Annotated[WantedMessages, Query()]) -> Listed[Message]:
    """Messages on record, sent and received."""
    wanted = MessageFilter(
        period=asked.period,
        users=user_ids(asked.user, router.routing.in_force.user_called),
        directions=tuple(asked.direction),
    )
    paging = Paging(order=asked.sort, limit=asked.limit, offset=asked.offset, cursor=asked.cursor)
    await router.messages.flush()  # whoever has just sent one looks for it at once
    page = await router.messages.archive.messages(wanted, paging)
    return Listed(items=[Message.of(each) for each in page.items], total=page.total, next=page.next)


@resource.get("/{message_id}", operation_id="getMessage", responses=problems(401, 403, 404, 422))
async def get_message(router: Router, message_id: MessageId, _: Reading) -> Message:
    """One message."""
    await router.messages.flush()
    message = await router.messages.archive.message(message_id)
    if message is None:
        raise ProblemError(
            404,
            "unknown_message",
            f"no message on record has the id {message_id}",
            "GET /api/v1/messages lists those there are.",
        )
    return Message.of(message)
