"""What one CRM is told of calls: of each call one hook after the other, until it knows what the router knows.

Exactly one activity of each call, whatever breaks off: before CreateActivity leaves it is on record that it does, and
one whose outcome nobody has seen is looked for, created by the same key once more, or left to a person; as the CRM's
document allows (`OnceBy`).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from ari_app.crm.activity_outcomes import (
    NOT_LOGGED_IN,
    Failure,
    Retry,
    created,
    failed,
    found_several,
    in_doubt,
    told_all,
    unknown,
    well,
)
from ari_app.crm.call_values import CallFacts, People, call_values, end_values, recording_values, talk_values, user_of
from ari_app.crm.next_step import ENDED, next_step, told_after
from ari_app.domain.activities import (
    LOOKED_FOR,
    NEEDS_A_PERSON,
    Activity,
    ActivityState,
    ActivityStore,
    StandingCall,
    Step,
)
from ari_app.domain.crm import Crm, HookAnswer, HookError, HookName, OnceBy, Upload
from ari_app.domain.notices import Notice
from ari_app.domain.recordings import StoredRecording
from ari_app.domain.unavailable import UnavailableError
from ari_app.lanes import lane
from ari_app.lanes.lane import Pace, now

CREATE: Final = Step(HookName.CREATE_ACTIVITY)

log = structlog.get_logger("agi_router.crm")


class Calls(Protocol):
    """Calls as they stand on record."""

    async def standing(self, call_id: str) -> StandingCall | None:
        """None when it is on record no more. Raises UnavailableError."""


class FileOf(Protocol):
    """Gives recordings as files."""

    def __call__(self, recording: StoredRecording) -> AbstractAsyncContextManager[Path]:
        """For as long as the block lasts. Raises StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where it is known what a CRM is to be told. `link_to` makes a link to a recording, None where none can be.

    `notice_of` says what others are told of an activity that needs a person from now on.
    """

    calls: Calls
    file_of: FileOf
    people: People
    link_to: Callable[[str], str | None]
    region: Callable[[], str]
    notice_of: Callable[[Activity], Notice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A CRM that is told of calls."""

    crm: Crm
    deadline_s: float
    recordings: bool = True


class ActivityLane(lane.Lane[Activity]):
    """Tells one CRM."""

    def __init__(
        self, receiver: Receiver, *, store: ActivityStore, sources: Sources, pace: Pace, hastens: bool = False
    ) -> None:
        super().__init__(receiver.crm.name, pace, hastens=hastens)
        self.receiver = receiver
        self._store = store
        self._sources = sources

    def take(self, receiver: Receiver) -> None:
        """The connector has changed: what waits is tried by it."""
        self.receiver = receiver
        self.hasten()

    async def _claim(self, limit: int, until: datetime) -> Sequence[Activity]:
        return await self._store.claim(self._name, limit, until)

    async def _next_due(self) -> datetime | None:
        return await self._store.next_due(self._name)

    async def _hasten(self) -> None:
        await self._store.hasten(self._name)

    async def _release(self, items: Sequence[Activity]) -> None:
        await self._store.release(items)

    async def _carry_out(self, item: Activity) -> None:
        """Take one step; the next one is due at once."""
        call = await self._surely(lambda: self._sources.calls.standing(item.call_id))
        if call is None:
            await self._without_call(item)
            return
        if not self.receiver.recordings:
            call = replace(call, recordings=())
        upload = Step(HookName.UPDATE_CALL_RECORDING, item.doing.partition(" ")[2])
        if item.doing == str(upload) and not self._may_repeat(upload):
            await self._settle(item, in_doubt(item, upload, "the router ended before the answer came", now()))
            return
        match next_step(item, call, self.receiver.crm.abilities):
            case None if item.state is ActivityState.CREATING:
                why = item.error or "the router ended before the answer to CreateActivity came"
                await self._settle(item, unknown(item, why))
            case None if not item.activity_id:
                await self._settle(item, replace(item, due_at=None))  # there is news, and still nothing to tell it of
            case None:
                await self._settle(item, told_all(item, call.record))
            case Step(hook=HookName.CREATE_ACTIVITY):
                await self._create(item, call)
            case Step(hook=HookName.FIND_ACTIVITY):
                await self._find(item, call)
            case Step(hook=HookName.UPDATE_CALL_RECORDING) as step:
                await self._upload(item, call, step)
            case step:
                await self._tell(item, call, step)

    async def _create(self, activity: Activity, call: StandingCall) -> None:
        is_again = activity.state is ActivityState.CREATING
        told = activity.told if is_again else told_after(activity.told, CREATE, call.record, activity.connector)
        values = activity.given if is_again else call_values(self._facts(activity, call), now())
        # By the same key goes the same request: a CRM may refuse another one.
        given = values if self.receiver.crm.abilities.once_by is OnceBy.KEY else {}
        begun = replace(activity, state=ActivityState.CREATING, told=told, given=given)
        begun = replace(begun, doing=str(CREATE), tried_at=now())
        if not await self._surely(lambda: self._store.begin(begun, now() + self._pace.claim)):
            return
        try:
            answer = await self._run(CREATE, values)
        except HookError as error:
            await self._settle(begun, self._not_created(begun, error, is_again=is_again))
            return
        self._health.delivered()
        record = next((each for each in answer.records if each.get("activity_id")), None)
        if record is not None:
            await self._settle(begun, created(begun, record, now()))
        else:
            reason = "the answer to CreateActivity has no activity_id: look at response_map in the document"
            await self._settle(begun, unknown(begun, reason))

    def _not_created(self, activity: Activity, error: HookError, *, is_again: bool) -> Activity:
        """Whether it is there may be in doubt still when this attempt has certainly done nothing."""
        self._count(error)
        if error.is_undone and not is_again:
            pending = replace(activity, state=ActivityState.PENDING, doing="", tried_at=None)
            return failed(pending, CREATE, Failure.of(error), self._retry())
        abilities = self.receiver.crm.abilities
        if abilities.once_by is OnceBy.NOTHING:
            return unknown(activity, Failure.of(error).reason)
        return failed(activity, CREATE, Failure.of(error), self._retry(timedelta(seconds=abilities.visible_after_s)))

    async def _find(self, activity: Activity, call: StandingCall) -> None:
        """Look whether it was created; create it if it was not. A CRM may take a request's time to do it."""
        visible_s = self.receiver.deadline_s + self.receiver.crm.abilities.visible_after_s
        tried_at = min(activity.tried_at or now(), now())  # a later one is by a clock that was ahead
        visible_at = tried_at + timedelta(seconds=visible_s)
        if now() < visible_at:
            await self._settle(activity, replace(activity, tried_at=tried_at, due_at=visible_at))
            return
        try:
            answer = await self._run(LOOKED_FOR, call_values(self._facts(activity, call), now()))
        except HookError as error:
            self._count(error)
            await self._settle(activity, failed(activity, LOOKED_FOR, Failure.of(error), self._retry()))
            return
        self._health.delivered()
        found = {record["activity_id"]: record for record in answer.records if record.get("activity_id")}
        match list(found.values()):
            case []:
                await self._create(replace(activity, state=ActivityState.PENDING), call)
            case [record]:
                await self._settle(activity, created(activity, record, now()))
            case _:
                await self._settle(activity, found_several(activity, list(found)))

    async def _tell(self, activity: Activity, call: StandingCall, step: Step) -> None:
        """By a hook that sets what it tells: run twice, it comes to the same."""
        facts = self._facts(activity, call)
        values = {**call_values(facts, now()), "activity_id": activity.activity_id}
        if step.hook is HookName.STOP_CALL_ACTIVITY or step.about == ENDED:
            links = filter(None, (self._sources.link_to(recording.id) for recording in call.recordings))
            values |= {**talk_values(facts, ENDED), **end_values(facts), "recording_url": next(links, "")}
        elif step.hook is HookName.UPDATE_ACTIVITY:
            values |= talk_values(facts, step.about)
        await self._told(activity, call, step, await self._outcome(step, values))

    async def _upload(self, activity: Activity, call: StandingCall, step: Step) -> None:
        """A file may be there twice, where the document does not tell that it may not."""
        recording = next(each for each in call.recordings if each.id == step.about)
        facts = self._facts(activity, call)
        file_name = f"{recording.id}.{'mp3' if 'mpeg' in recording.media_type else 'wav'}"
        link = self._sources.link_to(recording.id) or ""
        values = {**call_values(facts, now()), **end_values(facts), "activity_id": activity.activity_id}
        values |= recording_values(facts, recording, file_name, link)
        begun = replace(activity, doing=str(step), tried_at=now())
        if not await self._surely(lambda: self._store.begin(begun, now() + self._pace.claim)):
            return
        try:
            async with self._sources.file_of(recording) as path:
                upload = Upload(path=path, file_name=file_name, media_type=recording.media_type)
                error = await self._outcome(step, values, upload)
        except UnavailableError as unstored:
            why = Failure(reason=f"{unstored}; {unstored.remedy}")
            await self._settle(begun, failed(replace(begun, doing=""), step, why, self._retry()))
            return
        if error is None or error.is_undone or self._may_repeat(step):
            await self._told(replace(begun, doing=""), call, step, error)
        else:
            await self._settle(begun, in_doubt(begun, step, Failure.of(error).reason, now()))

    async def _outcome(self, step: Step, values: Mapping[str, str], upload: Upload | None = None) -> HookError | None:
        try:
            await self._run(step, values, upload)
        except HookError as error:
            self._count(error)
            return error
        self._health.delivered()
        return None

    async def _told(self, activity: Activity, call: StandingCall, step: Step, error: HookError | None) -> None:
        if error is None:
            told = told_after(activity.told, step, call.record, activity.connector)
            await self._settle(activity, well(replace(activity, told=told), now()))
        else:
            await self._settle(activity, failed(activity, step, Failure.of(error), self._retry()))

    async def _without_call(self, activity: Activity) -> None:
        if activity.state is ActivityState.PENDING:
            await self._surely(lambda: self._store.drop(activity))
            return
        reason = "the call is on record no more: it went on as another one, or was deleted"
        await self._settle(activity, replace(activity, state=ActivityState.FAILED, due_at=None, error=reason))

    async def _settle(self, before: Activity, activity: Activity) -> None:
        needs_a_person = activity.state in NEEDS_A_PERSON and activity.due_at is None
        is_new = needs_a_person and (before.state, before.error) != (activity.state, activity.error)
        notice = self._sources.notice_of(activity) if is_new else None
        await self._surely(lambda: self._store.settle(activity, notice))
        told = {"connector": activity.connector, "call": activity.call_id, "reason": activity.error}
        if needs_a_person:
            log.error("a call needs a person to look at its activity", state=activity.state.value, **told)
        elif activity.error and activity.attempts > before.attempts:
            log.info("a CRM has not taken what it was told; it is tried again", attempt=activity.attempts, **told)

    async def _run(self, step: Step, values: Mapping[str, str], upload: Upload | None = None) -> HookAnswer:
        return await self.receiver.crm.run(step.hook, values, deadline_s=self.receiver.deadline_s, upload=upload)

    def _facts(self, activity: Activity, call: StandingCall) -> CallFacts:
        return CallFacts(
            connector=activity.connector,
            reference=activity.reference,
            record=call.record,
            user=self._sources.people(activity.connector, user_of(call.record)),
            region=self._sources.region(),
        )

    def _retry(self, at_least: timedelta = timedelta()) -> Retry:
        chance = random.random()  # noqa: S311 - it spreads, and keeps no secret
        return Retry(schedule=self._pace.schedule, now=now(), chance=chance, at_least=at_least)

    def _may_repeat(self, step: Step) -> bool:
        return step.hook in self.receiver.crm.abilities.repeatable

    def _count(self, error: HookError) -> None:
        """Towards how the CRM does: what it says of one call alone says nothing of it."""
        status = error.status
        if status is None or status >= 500 or status in NOT_LOGGED_IN | {408, 429}:
            retry = self._retry()
            self._health.failed(retry.now, retry.chance, Failure.of(error).asked_for)
        else:
            self._health.delivered()
