import pytest

from ari_app.calls.ids import bridge_id, leg_channel_id, new_call_id
from ari_app.calls.inbox import Inbox, InboxOverflowError, Switchboard
from ari_app.calls.ports import ChannelDestroyed, ChannelEntered, ChannelEvent, ChannelLeft, ChannelRinging


def entered(channel_id: str) -> ChannelEntered:
    return ChannelEntered(channel_id=channel_id, name="PJSIP/x-1", up=False, args=(), caller_number="", caller_name="")


async def test_events_come_out_in_the_order_they_went_in() -> None:
    inbox = Inbox("caller")
    events: list[ChannelEvent] = [entered("leg"), ChannelRinging("leg"), ChannelDestroyed("leg", 17)]
    for event in events:
        inbox.put(event)
    assert [await inbox.get() for _ in events] == events


async def test_the_callers_end_is_known_before_it_is_read() -> None:
    inbox = Inbox("caller")
    inbox.put(ChannelRinging("leg"))
    inbox.put(ChannelLeft("leg"))
    assert not inbox.caller_gone.is_set()
    inbox.put(ChannelLeft("caller"))
    assert inbox.caller_gone.is_set()


async def test_an_overflow_is_loud_and_never_loses_the_end_of_a_channel() -> None:
    inbox = Inbox("caller", size=2)
    for _ in range(5):
        inbox.put(ChannelRinging("leg"))
    inbox.put(ChannelDestroyed("leg", 16))
    inbox.put(ChannelLeft("caller"))
    with pytest.raises(InboxOverflowError):
        await inbox.get()
    rest = [await inbox.get() for _ in range(4)]
    assert rest[2:] == [ChannelDestroyed("leg", 16), ChannelLeft("caller")]


class Desk:
    """A switchboard and what it reported."""

    def __init__(self) -> None:
        self.callers: list[str] = []
        self.orphans: list[str] = []
        self.switchboard = Switchboard(lambda event: self.callers.append(event.channel_id), self.orphans.append)


def test_a_channel_that_nobody_watches_is_a_new_caller() -> None:
    desk = Desk()
    desk.switchboard.deliver(entered("1772357400.12"))
    assert desk.callers == ["1772357400.12"]


def test_a_leg_whose_call_is_over_is_an_orphan_and_no_caller() -> None:
    desk = Desk()
    leg = leg_channel_id(new_call_id(), "leg-1")
    desk.switchboard.deliver(entered(leg))
    assert (desk.callers, desk.orphans) == ([], [leg])


def test_nothing_is_kept_of_a_call_that_is_over() -> None:
    desk = Desk()
    inbox = Inbox("caller")
    desk.switchboard.watch("caller", inbox)
    desk.switchboard.watch("leg", inbox)
    desk.switchboard.watch(bridge := bridge_id(new_call_id()), inbox)
    assert (len(desk.switchboard), desk.switchboard.channels) == (3, 2)
    desk.switchboard.forget(["caller", "leg", bridge, "never-seen"], inbox)
    assert len(desk.switchboard) == 0


def test_a_caller_who_enters_again_while_his_last_call_tidies_up_is_a_new_call() -> None:
    desk = Desk()
    last, new = Inbox("caller"), Inbox("caller")
    desk.switchboard.watch("caller", last)
    desk.switchboard.deliver(ChannelLeft("caller"))
    desk.switchboard.deliver(entered("caller"))
    assert desk.callers == ["caller"]
    desk.switchboard.watch("caller", new)
    desk.switchboard.forget(["caller"], last)
    assert desk.switchboard.watches("caller")
