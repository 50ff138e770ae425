"""Contacts are asked of the dialplan for many devices at once, and one that is no safe dial string is not dialled."""

import pytest

from agi_router.fastagi.contacts import LONGEST_EXPRESSION, contacts, diallable

ADA = "PJSIP/ada/sip:ada@192.0.2.1:5060"
ADA_AGAIN = "PJSIP/ada/sip:ada@[2001:db8::7]:5060;transport=tls"


class Dialplan:
    """Answers as Asterisk does; `asked` are the expressions."""

    def __init__(self, registered: dict[str, str]) -> None:
        self._registered = registered
        self.asked: list[str] = []

    async def evaluate(self, expression: str) -> str:
        self.asked.append(expression)
        for name, text in self._registered.items():
            expression = expression.replace(f"${{PJSIP_DIAL_CONTACTS({name})}}", text)
        return expression


async def test_all_devices_are_asked_in_one_question() -> None:
    dialplan = Dialplan({"ada": f"{ADA}&{ADA_AGAIN}", "bob": "", "carol": "PJSIP/carol/sip:carol@192.0.2.3"})
    assert await contacts(dialplan, ["ada", "bob", "carol", "ada"]) == {
        "ada": (ADA, ADA_AGAIN),
        "bob": (),
        "carol": ("PJSIP/carol/sip:carol@192.0.2.3",),
    }
    assert len(dialplan.asked) == 1


async def test_a_question_never_grows_longer_than_a_command_may_be() -> None:
    names = [f"phone-of-a-large-team-{number:03}" for number in range(200)]
    dialplan = Dialplan({name: f"PJSIP/{name}/sip:x@192.0.2.1" for name in names})
    found = await contacts(dialplan, names)
    assert [len(found[name]) for name in names] == [1] * 200
    assert max(map(len, dialplan.asked)) <= LONGEST_EXPRESSION


@pytest.mark.parametrize(
    "contact",
    [
        "PJSIP/ada/sip:a&PJSIP/+19005550123@trunk",
        "PJSIP/ada/sip:a,,g",
        "PJSIP/ada/sip:a@192.0.2.1;x=(",
        'PJSIP/ada/sip:"a@192.0.2.1',
        "PJSIP/ada/sip:a@[192.0.2.1",
        "PJSIP/ada/sip:a\\,b@192.0.2.1",
        "PJSIP/bob/sip:bob@192.0.2.1",
    ],
)
def test_a_contact_that_would_be_more_than_one_leg_is_not_dialled(contact: str) -> None:
    assert diallable(contact, "ada") == ()
    assert diallable(f"{ADA}&{contact}", "ada") in ((ADA,), ())
