"""The story of an inbound call: ask where it belongs while the caller hears ringing, ring, bridge, and end well.

Reads top to bottom; every wait ends when the caller hangs up.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial

from agi_router.routing.decider import Decider
from agi_router.routing.treatment import Treatment
from ari_app.calls.ahead import Guess
from ari_app.calls.announcing import silence
from ari_app.calls.arrival import Arrival, info_on_record
from ari_app.calls.asking import ask, take_in
from ari_app.calls.call import Call, CallerGoneError
from ari_app.calls.clock import now
from ari_app.calls.consent import begin_again
from ari_app.calls.consulting import take_up
from ari_app.calls.leg import Leg
from ari_app.calls.naming import find_contact, name_on_record
from ari_app.calls.queueing import wait_in_queue
from ari_app.calls.screen_pop import screen_pop
from ari_app.calls.steps import after_queue, follow
from ari_app.calls.taking_back import take_back
from ari_app.calls.talk import talk
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.record import CallRecord


async def inbound(call: Call, arrival: Arrival, decider: Decider) -> None:
    """Route one caller by the API's answer, from StasisStart to the end of the record."""
    if not arrival.route:  # Stasis(app,,CALLED): the number that was called knows
        arrival = replace(arrival, route=decider.route_of(arrival.called_number))
    call.tell_arrival(arrival)
    call.treatment = decider.treatment(arrival.route)
    guess = Guess(call)
    asking = asyncio.create_task(ask(call, decider, guess))
    # After the question in the event loop's order: everybody waits for its answer, and for these nobody.
    find_contact(call, arrival.caller_number)
    call.request(call.reception.arrive(call.treatment))
    call.bridge.prepare()
    try:
        decision = await call.hear_until(asking)
        await take_in(call, decision)
        await follow(call, decision.steps, guess.judge(decision.steps))
    except CallerGoneError:
        call.tell_caller_gone()
    finally:
        await guess.stop()
    await finish(call)


async def resume_fallback(
    call: Call, record: CallRecord, described: e.CallerDescribed | None, decider: Decider, sounds: int = 0
) -> None:
    """Go on with a caller who was waiting when the router lost sight of him: straight to the route's fallback.

    `described` is what an answer carried, if there was one; `sounds` is how many an announcement had that he may be
    hearing.
    """
    route = record.route
    call.tell(e.CallRecovered(at=now(), found="waiting"))
    await silence(call, sounds)
    call.treatment = decider.treatment(route)
    call.showing.contact_name = name_on_record(call, record)
    call.showing.by_route = decider.shown(info_on_record(record))
    call.showing.change(partial(screen_pop, record, call.showing.by_route, described))
    call.request(call.reception.arrive(call.treatment, announce=False))
    call.bridge.prepare()
    try:
        await follow(call, decider.fallback(route, now()))
    except CallerGoneError:
        call.tell_caller_gone()
    await finish(call)


async def resume_queue(call: Call, record: CallRecord, described: e.CallerDescribed | None, decider: Decider) -> None:
    """Go on with a caller who is in a queue, or comes back from it just now: with the steps after it."""
    call.tell(e.CallRecovered(at=now(), found="queue"))
    call.treatment, call.reception.is_answered = decider.treatment(record.route), True
    call.showing.contact_name = name_on_record(call, record)
    call.showing.by_route = decider.shown(info_on_record(record))
    call.showing.change(partial(screen_pop, record, call.showing.by_route, described))
    call.is_served = record.answered_at is not None
    steps = decider.fallback(record.route, now())
    here = (record.destination_type, record.destination)
    places = [(step.destination.type, step.destination.value) for step in steps]
    after = steps[places.index(here) + 1 :] if here in places else steps
    try:
        if call.away:
            await call.telephony.subscribe(call.caller.channel_id)
        if await after_queue(call, await wait_in_queue(call, record.destination)):
            call.bridge.prepare()
            await follow(call, after)
    except CallerGoneError:
        call.tell_caller_gone()
    await finish(call)


async def resume_talk(call: Call, leg: Leg, *, since: datetime | None, treatment: Treatment) -> None:
    """Watch over a bridged call that went on without us, so that its end comes, is seen, and is put on record."""
    call.tell(e.CallRecovered(at=now(), found="talking"))
    call.treatment = treatment
    try:
        if call.holding.aside:
            await take_up(call, leg)
        call.request(begin_again(call))
        onward = await talk(call, leg, since)
        if onward is not None:
            await follow(call, onward)
    except CallerGoneError:
        call.tell_caller_gone()
    await finish(call)


async def finish(call: Call) -> None:
    """After the end: nothing rings, no bridge is left, and the record knows how each leg ended."""
    for leg in call.legs.values():
        if leg.alive and leg.ending is None:
            has_spoken = call.talking or leg.channel_id == call.caller.channel_id
            take_back(call, leg, LegOutcome.ANSWERED if has_spoken else LegOutcome.CANCELLED)
    await call.last_events()
    await call.bridge.drop()
    call.recording.end()
