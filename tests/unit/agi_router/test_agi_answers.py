"""What the dialplan is told: variables for Dial() and the others, never longer than Asterisk takes them."""

from agi_router.fastagi.answer import MOST_PARTS, PART_BYTES, Display, OutgoingLeg, dial, dial_parts, reception
from agi_router.routing.treatment import Answer, Confirmation, Treatment, Waiting

PLAIN = Treatment()
NOTHING = Display()


def phone(number: int = 1, dial_string: str = "PJSIP/ada/sip:ada@192.0.2.1:5060") -> OutgoingLeg:
    return OutgoingLeg(number=number, endpoint="ada", dial=dial_string)


def trunk(number: int = 1, **changes: object) -> OutgoingLeg:
    given = {"endpoint": "trunk", "dial": "PJSIP/+14155550123@trunk", "is_trunk": True, "caller_id": "+14155550100"}
    return OutgoingLeg(number=number, **(given | {"told": False} | changes))  # type: ignore[arg-type]


def test_a_phone_is_dialled_with_nothing_but_its_contact() -> None:
    assert dial([phone()], 24.2, PLAIN, NOTHING) == {
        "ROUTE_STATUS": "DIAL",
        "ROUTE_DIAL": "PJSIP/ada/sip:ada@192.0.2.1:5060",
        "ROUTE_TIMEOUT": "25",
        "ROUTE_OUTSIDE": "no",
        "ROUTE_OPTIONS": "i",
    }


def test_no_redirect_of_a_phone_is_ever_followed_by_dial_itself() -> None:
    treatments = (PLAIN, Treatment(waiting=Waiting.MUSIC, music_class="soft"), Treatment(talk_s=60, warn_s=10))
    legs = ([phone()], [trunk()], [phone(), trunk(2, confirm=True)])
    for treatment in treatments:
        for some in legs:
            assert dial(some, 20, treatment, NOTHING)["ROUTE_OPTIONS"].startswith("i")


def test_a_trunk_is_shown_a_number_of_ours_and_tells_of_its_answer() -> None:
    variables = dial([trunk()], 20, PLAIN, NOTHING)
    assert variables["__ROUTE_CALLERID_trunk"] == variables["ROUTE_CALLERID"] == "+14155550100"
    assert variables["ROUTE_OPTIONS"] == "ib(agi-router-agi-leg^s^1)U(agi-router-agi-answered)"
    assert variables["ROUTE_OUTSIDE"] == "yes"


def test_a_trunk_that_has_no_number_of_ours_is_shown_none() -> None:
    assert dial([trunk(caller_id="")], 20, PLAIN, NOTHING)["__ROUTE_CALLERID_trunk"] == "-"


def test_a_carrier_is_not_told_what_phones_are_shown() -> None:
    display = Display(name="Acme, Inc. (VIP)", number="+14155550177", headers={"X-Ticket": "7", "X-Level": "gold"})
    variables = dial([phone(), trunk(2, endpoint="trunk-1.a")], 20, PLAIN, display)
    assert variables["__ROUTE_HIDES_trunk_1_a"] == "1"
    assert variables["__ROUTE_NAME"] == "Acme, Inc. (VIP)"
    assert (variables["__ROUTE_HEADERS"], variables["__ROUTE_HEADER_NAME_2"]) == ("2", "X-Level")


def test_a_phone_that_confirms_is_behind_a_local_channel_beside_the_others() -> None:
    treatment = Treatment(confirmation=Confirmation(prompt=("custom/press", "five"), digit="5", timeout_s=7.5))
    variables = dial([phone(), trunk(2, confirm=True)], 20, treatment, NOTHING)
    assert variables["ROUTE_DIAL"].endswith("&Local/2@agi-router-agi-confirm/n")
    assert variables["__ROUTE_LEG_2"] == "PJSIP/+14155550123@trunk"
    assert (variables["__ROUTE_CONFIRM_PROMPT"], variables["__ROUTE_CONFIRM_DIGIT"]) == ("custom/press&five", "5")
    assert variables["__ROUTE_CONFIRM_SECONDS"] == "8"


def test_a_talk_has_its_limit_with_and_without_a_tone() -> None:
    assert dial([phone()], 20, Treatment(talk_s=3600), NOTHING)["ROUTE_OPTIONS"] == "iS(3600)"
    warned = dial([phone()], 20, Treatment(talk_s=3600, warn_s=30), NOTHING)
    assert (warned["ROUTE_OPTIONS"], warned["LIMIT_WARNING_FILE"]) == ("iL(3600000:30000)", "beep")


def test_a_long_dial_string_comes_in_parts_that_make_it_up_again() -> None:
    legs = [phone(n, f"PJSIP/ada/sip:ada@192.0.2.{n}:5060;transport=tls;line={'x' * 60}") for n in range(1, 41)]
    parts, left_out = dial_parts(legs)
    assert len(parts) > 1 and not left_out
    assert "".join(parts) == "&".join(leg.dial for leg in legs)
    assert all(len(part.encode()) <= PART_BYTES for part in parts)
    variables = dial(legs, 20, PLAIN, NOTHING)
    assert variables["ROUTE_DIAL"] + variables["ROUTE_DIAL_2"] + variables["ROUTE_DIAL_3"] == "".join(parts)


def test_what_finds_no_room_is_left_out_and_the_rest_is_dialled() -> None:
    long = phone(1, "PJSIP/ada/sip:" + "x" * PART_BYTES)
    many = [phone(n, f"PJSIP/ada/sip:{n:0500}@192.0.2.1") for n in range(2, 30)]
    parts, left_out = dial_parts([long, *many])
    assert len(parts) == MOST_PARTS
    assert left_out[0] is long and len(left_out) + "".join(parts).count("&") + 1 == 29


def test_the_caller_is_taken_in_as_his_route_wants_it() -> None:
    assert reception(PLAIN) == {}
    welcomed = Treatment(answer=Answer.NOW, announcement=("custom/welcome", "please-wait"))
    assert reception(welcomed) == {"ROUTE_ANSWER": "yes", "ROUTE_WELCOME": "custom/welcome&please-wait"}
