"""AMI without a connection: what is sent is one action, and what comes is read in its order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panoramisk.message import Message

from ari_app.asterisk.ami_protocol import Name, action
from ari_app.asterisk.ami_queues import QueueMembers
from ari_app.calls.memberships import Memberships


@given(values=st.lists(st.text() | st.sampled_from(["x\r\nAction: Originate", "\n\n", "\u2028", "\x00"])))
async def test_whatever_is_in_its_values_an_action_has_the_lines_of_its_own_fields(values: list[str]) -> None:
    fields = {f"Field{number}": value for number, value in enumerate(values)}
    sent = str(action(Name.PING, fields))
    assert sent.endswith("\r\n\r\n")
    lines = sent.removesuffix("\r\n\r\n").split("\r\n")
    assert sent.splitlines() == [*lines, ""]
    assert sorted(line.partition(":")[0] for line in lines) == sorted(["Action", "ActionID", *fields])


def event(name: str, **fields: str) -> Message:
    return Message({"Event": name, **fields})


def listed(action_id: str, *members: str, queue: str = "support") -> list[Message]:
    return [
        event("QueueParams", ActionID=action_id, Queue=queue),
        *(event("QueueMember", ActionID=action_id, Queue=queue, Location=member, Paused="0") for member in members),
    ]


def complete(action_id: str) -> Message:
    return event("QueueStatusComplete", ActionID=action_id)


def changed(name: str, interface: str, paused: str = "0") -> Message:
    return event(name, Queue="support", Interface=interface, Paused=paused, PausedReason="")


class Follower:
    """Queue members, and what is known by them."""

    def __init__(self) -> None:
        self.known = Memberships()
        self._queues = QueueMembers(self.known)

    def take(self, *messages: Message) -> None:
        for message in messages:
            self._queues.take(message)

    def paused(self, name: str) -> list[bool]:
        return [member.paused for member in self.known.of([name])]


def test_a_list_counts_when_it_is_complete() -> None:
    follower = Follower()
    follower.take(*listed("1", "PJSIP/ada"))
    assert not follower.known.known
    follower.take(complete("1"))
    assert follower.known.known
    assert follower.paused("PJSIP/ada") == [False]


def test_a_list_that_broke_off_leaves_nothing_in_the_next_one() -> None:
    follower = Follower()
    follower.take(*listed("1", "PJSIP/ada", queue="old"), *listed("2", "PJSIP/bob"), complete("2"))
    assert (follower.known.queues, len(follower.known)) == ({"support"}, 1)


def test_a_list_without_queues_empties_what_was_known() -> None:
    follower = Follower()
    follower.take(*listed("1", "PJSIP/ada"), complete("1"), complete("2"))
    assert follower.known.known
    assert len(follower.known) == 0


@pytest.mark.parametrize("gone", [True, False])
def test_what_changes_while_a_list_comes_is_not_lost_by_it(gone: bool) -> None:
    follower = Follower()
    change = changed("QueueMemberRemoved" if gone else "QueueMemberPause", "PJSIP/ada", paused="1")
    follower.take(*listed("1", "PJSIP/ada"), change, complete("1"))
    assert follower.paused("PJSIP/ada") == ([] if gone else [True])


def test_events_that_are_of_no_concern_or_make_no_sense_change_nothing() -> None:
    follower = Follower()
    follower.take(*listed("1", "PJSIP/ada"), complete("1"))
    follower.take(event("AgentCalled", Queue="support", Interface="PJSIP/ada"), event("QueueMemberRemoved"))
    assert follower.paused("PJSIP/ada") == [False]
