"""How legs ended that the dialplan dialled, from the few words that Asterisk keeps of them."""

from ari_app.agi.report import Report
from ari_app.agi.results import Known, PlacedLeg, causes, keys_of, result, winner
from ari_app.domain.causes import LegOutcome

ADA = PlacedLeg(role="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.1")
ADA_TWO = PlacedLeg(role="leg-2", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.2")
MOBILE = PlacedLeg(role="leg-3", endpoint="PJSIP/trunk-1", contact="PJSIP/+1@trunk-1", confirm=True)
LEGS = (ADA, ADA_TWO, MOBILE)


def outcome(dial: str, status: int | None, cause: int = 16, leg: PlacedLeg = ADA) -> LegOutcome:
    return result(leg, Known(cause, status), Report(dial=dial), has_won=False).outcome


def test_a_report_is_read_whatever_is_missing() -> None:
    report = Report.parse(
        ["dial=BUSY", "cause=17", "answered_ms=", "rang=12", "later=x", "keys=PJSIP/b-0000000a", "PJSIP/a-00000009"]
    )
    assert (report.dial, report.cause, report.answered_ms, report.rang) == ("BUSY", 17, None, True)
    assert report.keys == ("PJSIP/a-00000009", "PJSIP/b-0000000a")
    assert Report.parse([]) == Report()


def test_a_report_may_come_in_one_argument_whose_last_one_has_commas() -> None:
    report = Report.parse(["dial=BUSY&queue=&peer=Local/1@x-00000001;1&keys=PJSIP/b-0000000a", "PJSIP/a-00000009"])
    assert (report.dial, report.queue, report.peer) == ("BUSY", "", "Local/1@x-00000001;1")
    assert report.keys == ("PJSIP/a-00000009", "PJSIP/b-0000000a")


def test_a_key_that_is_no_channel_is_not_asked_about() -> None:
    assert Report.parse(["keys=${SHELL(id)}", "PJSIP/a)}-0000000a", "Local/1@x-00000001;1"]).keys == ()
    assert Report.parse(["cause=-1", "answered_ms=9e9"]) == Report()


def test_contacts_of_one_device_are_told_apart_by_their_order() -> None:
    keys = ("PJSIP/ada-00000007", "PJSIP/trunk-1-00000008", "PJSIP/ada-00000009")
    assert keys_of(LEGS, keys) == {"leg-1": keys[0], "leg-2": keys[2], "leg-3": keys[1]}


def test_the_winner_is_the_channel_that_dial_names() -> None:
    keys = ("PJSIP/ada-00000007", "PJSIP/ada-00000009")
    assert winner(LEGS, keys, Report(peer="PJSIP/ada-00000009")) is ADA_TWO
    assert winner(LEGS, (), Report(peer="PJSIP/ada-00000009")) is ADA
    assert winner(LEGS, (), Report(peer="Local/3@agi-router-agi-confirm-00000000;1")) is MOBILE
    assert winner(LEGS, (), Report(peer="Local/9@agi-router-agi-confirm-00000000;1")) is None


def test_what_was_dialled_tells_the_winner_of_whom_alone_asterisk_has_a_key() -> None:
    (key,) = keys = ("PJSIP/ada-00000009",)
    report = Report.parse([f"dial=ANSWER&peer={key}&dialled=ada%2Fsip%3Aada%40192.0.2.2&keys={key}"])
    assert report.dialled == "PJSIP/ada/sip:ada@192.0.2.2"
    assert winner(LEGS, keys, report) is ADA_TWO
    assert keys_of(LEGS, keys, ADA_TWO, key) == {"leg-2": key}
    assert winner(LEGS, (), Report(peer="PJSIP/trunk-1-00000008", dialled="PJSIP/+1@trunk-1")) is MOBILE
    assert winner(LEGS, keys, Report(peer=key, dialled="PJSIP/ada/sip:ada@192.0.2.9")) is ADA


def test_legs_that_rang_to_the_end_ended_as_the_dial_did() -> None:
    assert outcome("ANSWER", 180) is LegOutcome.ANSWERED_ELSEWHERE
    assert outcome("NOANSWER", 180) is LegOutcome.NO_ANSWER
    assert outcome("CANCEL", 100) is LegOutcome.CANCELLED
    assert outcome("", None) is LegOutcome.CANCELLED


def test_legs_that_said_no_have_their_own_reason_whatever_the_dial_says() -> None:
    assert outcome("ANSWER", 486, 17) is LegOutcome.BUSY
    assert outcome("NOANSWER", 603, 21) is LegOutcome.DECLINED
    assert outcome("CHANUNAVAIL", 404, 1) is LegOutcome.NOT_FOUND


def test_a_leg_that_ended_without_a_last_word_has_redirected() -> None:
    assert outcome("BUSY", 100) is LegOutcome.REDIRECTED


def test_a_phone_that_was_picked_up_and_not_confirmed_has_not_answered() -> None:
    assert outcome("NOANSWER", 200, leg=MOBILE) is LegOutcome.UNCONFIRMED
    assert outcome("ANSWER", 200, leg=MOBILE) is LegOutcome.ANSWERED_ELSEWHERE


def test_a_leg_whose_channel_was_never_made_could_not_be_reached() -> None:
    assert result(ADA, None, Report(dial="CHANUNAVAIL"), has_won=False).outcome is LegOutcome.UNAVAILABLE


def test_without_hangupcause_keys_the_status_of_the_dial_has_to_do() -> None:
    assert result(ADA, None, Report(dial="BUSY", cause=17), has_won=False).outcome is LegOutcome.BUSY
    assert result(ADA, None, Report(dial="BUSY"), has_won=False).outcome is LegOutcome.BUSY
    assert result(ADA, None, Report(dial="BUSY", cause=0), has_won=False).outcome is LegOutcome.REDIRECTED
    by_trunk = result(ADA, None, Report(dial="CONGESTION", cause=34), has_won=False)
    assert (by_trunk.outcome, by_trunk.cause) == (LegOutcome.FAILED, 34)
    others = Report(dial="BUSY", cause=17, keys=("PJSIP/bob-00000001",))
    assert result(ADA, None, others, has_won=False).outcome is LegOutcome.UNAVAILABLE


async def test_the_causes_of_many_channels_are_asked_in_few_questions() -> None:
    keys = [f"PJSIP/phone-{number:03}-{number:08x}" for number in range(60)]
    asked: list[str] = []

    class Dialplan:
        async def evaluate(self, expression: str) -> str:
            asked.append(expression)
            for key in keys:
                expression = expression.replace(f"${{HANGUPCAUSE({key},ast)}}", "User busy")
                expression = expression.replace(f"${{HANGUPCAUSE({key},tech):0:7}}", "SIP 486")
            return expression

    assert await causes(Dialplan(), keys) == dict.fromkeys(keys, Known(17, 486))
    assert max(map(len, asked)) < 2000
