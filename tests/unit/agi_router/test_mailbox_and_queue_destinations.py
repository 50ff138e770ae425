"""Mailboxes and queues as destinations: one each, by a plain name."""

import pytest

from agi_router.directory.directory import Directory
from agi_router.directory.queues import Queue
from agi_router.directory.users import EndpointDevice, User
from agi_router.routing.destination import DestinationType, QueueDestination, VoicemailDestination
from agi_router.routing.errors import RoutingError
from agi_router.routing.mailbox import parse_mailbox
from agi_router.routing.meaning import destination
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import Enqueue, LeaveMessage
from agi_router.routing.understood import Understood
from ari_app.calls.queueing import member_endpoint, status_of

POLICY = DialPolicy(frozenset(), "US")
DIRECTORY = Directory(
    [User(id="456", devices=(EndpointDevice("ada"),))],
    [],
    POLICY,
    queues=[Queue(id="support", name="support-queue", timeout_s=60)],
)


@pytest.mark.parametrize(
    ("text", "mailbox"), [("101", "101@default"), (" 101@sales ", "101@sales"), ("ada.l-1", "ada.l-1@default")]
)
def test_a_mailbox_has_a_context(text: str, mailbox: str) -> None:
    assert parse_mailbox(text) == mailbox
    where = destination(Understood(value=text, type=DestinationType.VOICEMAIL), DIRECTORY, POLICY)
    assert where == VoicemailDestination(mailbox)
    assert DIRECTORY.step(where, 20).action == LeaveMessage(mailbox)


@pytest.mark.parametrize("text", ["", "101&102", "101@", "@sales", "101@a@b", "101,u", "101)", "a b", "1" * 41])
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(RoutingError) as raised:
        parse_mailbox(text)
    assert raised.value.failure.code == "value_not_mailbox"


def test_a_queue_is_named_by_its_id_and_known_by_its_name() -> None:
    where = destination(Understood(value="support", type=DestinationType.QUEUE), DIRECTORY, POLICY)
    assert where == QueueDestination("support")
    assert DIRECTORY.step(where, 20).action == Enqueue("support-queue")
    assert (DIRECTORY.patience(where, 25), DIRECTORY.patience(VoicemailDestination("1@a"), 25)) == (60, 25)
    with pytest.raises(RoutingError) as raised:
        destination(Understood(value="support-queue", type=DestinationType.QUEUE), DIRECTORY, POLICY)
    assert raised.value.failure.code == "queue_unknown"


def test_a_queue_that_is_gone_is_refused() -> None:
    refused = DIRECTORY.step(QueueDestination("sales"), 20).refused
    assert refused is not None
    assert refused.code == "queue_unknown"


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/ada-0000001f", "ada"),
        ("PJSIP/ada-desk-0000001f", "ada-desk"),
        ("Local/ada@agi-router-member-00000004;1", "ada"),
        ("Local/101@from-queue-00000004;1", "101"),
        ("Local/ada@from-internal-00000004;1", ""),
        ("DAHDI/1-1", ""),
        ("", ""),
    ],
)
def test_the_endpoint_of_a_member_is_read_from_his_channel(channel: str, endpoint: str) -> None:
    assert member_endpoint(channel) == endpoint


def test_only_who_comes_back_from_a_queue_has_its_status() -> None:
    back = ("sales", "+14155550100", "allowed", "queue-return", "TIMEOUT")
    assert (status_of(back), status_of(back[:3]), status_of(())) == ("TIMEOUT", None, None)
