"""Memberships of queues: whose they are, and what is known of them."""

import pytest

from ari_app.calls.memberships import Membership, Memberships

ADA = Membership(queue="support", interface="Local/ada@agi-router-member/n", state_interface="PJSIP/ada")
BOB = Membership(queue="support", interface="PJSIP/bob", paused=True, reason="lunch")


@pytest.mark.parametrize(
    ("interface", "state_interface", "name"),
    [
        ("PJSIP/ada", "", "PJSIP/ada"),
        ("pjsip/ada", "pjsip/ada", "PJSIP/ada"),
        ("Local/ada@agi-router-member/n", "PJSIP/ada", "PJSIP/ada"),
        ("Local/101@from-queue/n", "hint:101@ext-local", "101"),
        ("Local/101@from-queue/n", "Local/101@from-queue/n", "101"),
        ("Local/101@from-queue/n", "Custom:DND101", "101"),
        ("Agent/1001", "", "AGENT/1001"),
        ("odd", "", "odd"),
    ],
)
def test_a_member_is_known_by_his_state_interface_or_else_by_what_is_dialled(
    interface: str, state_interface: str, name: str
) -> None:
    assert Membership(queue="q", interface=interface, state_interface=state_interface).name == name


def test_memberships_are_found_by_any_of_the_names_of_a_user() -> None:
    known = Memberships()
    known.replace(["support", "sales"], [ADA, BOB, Membership(queue="sales", interface="Local/101@from-queue/n")])
    assert [member.queue for member in known.of(["PJSIP/ada", "101"])] == ["sales", "support"]
    assert known.of(["PJSIP/carol"]) == []
    assert known.queues == {"support", "sales"}


def test_a_member_who_is_put_again_takes_the_place_of_his_former_self() -> None:
    known = Memberships()
    known.replace(["support"], [BOB])
    back = Membership(queue="support", interface="PJSIP/bob", state_interface="PJSIP/bob-mobile")
    known.put(back)
    assert known.of(["PJSIP/bob"]) == []
    assert known.of(["PJSIP/bob-mobile"]) == [back]
    known.remove("support", "PJSIP/bob")
    known.remove("support", "PJSIP/bob")
    assert (len(known), known.of(["PJSIP/bob-mobile"])) == (0, [])


def test_nothing_is_known_before_all_are_listed_and_after_the_link_is_lost() -> None:
    known = Memberships()
    known.put(ADA)
    assert not known.known
    known.replace(["support"], [BOB])
    assert known.known
    assert known.of(["PJSIP/ada"]) == []
    known.forget()
    assert (known.known, len(known), known.queues) == (False, 0, frozenset())
