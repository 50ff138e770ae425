from ari_app.asterisk.telephony import dial_strings


def test_each_contact_is_one_dial_string() -> None:
    both = "PJSIP/ada/sip:ada@127.0.0.1:5061&PJSIP/ada/sip:ada@127.0.0.2:5061;transport=udp"
    assert dial_strings(both, "ada") == (
        "PJSIP/ada/sip:ada@127.0.0.1:5061",
        "PJSIP/ada/sip:ada@127.0.0.2:5061;transport=udp",
    )
    assert dial_strings("", "ada") == ()


def test_an_ampersand_in_a_contact_makes_no_second_dial_string() -> None:
    hostile = "PJSIP/ada/sip:a&PJSIP/+19005550123@trunk"
    assert dial_strings(hostile, "ada") == (hostile,)
    assert dial_strings("PJSIP/a.a/sip:x&PJSIP/aXa/sip:y", "a.a") == ("PJSIP/a.a/sip:x&PJSIP/aXa/sip:y",)
