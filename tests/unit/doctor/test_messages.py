"""What the doctor says of text messages that are taken for calls."""

from ari_app.doctor.messages import judge_messages


def test_endpoints_whose_messages_have_a_context_of_their_own_are_as_they_should_be() -> None:
    assert judge_messages({"ada": "agi-router-messages", "bob": "texts"}).status == "ok"


def test_endpoints_without_one_are_named_up_to_five() -> None:
    finding = judge_messages({"ada": "texts"} | {f"phone{number}": "" for number in range(7)})
    assert finding.status == "warning"
    assert "PJSIP/phone4 and 2 more" in finding.found
    assert "PJSIP/ada" not in finding.found
    assert "message_context" in finding.remedy
