"""What Asterisk says first over AGI, read."""

import pytest

from agi_router.fastagi import AgiRequest
from tests.fakes.agi import header


def parsed(block: bytes) -> AgiRequest:
    return AgiRequest.parse(block.removesuffix(b"\n\n"))


@pytest.mark.parametrize(
    ("presentation", "withheld"),
    [
        ("0", False),
        ("3", False),
        ("32", True),
        ("35", True),
        ("67", False),
        ("", False),
        ("x", False),
        ("\u0663", False),
    ],
)
def test_a_caller_who_withholds_his_number_is_known_by_the_presentation(presentation: str, withheld: bool) -> None:
    block = header(4573, "sales").replace(b"callingpres: 0", f"callingpres: {presentation}".encode())
    assert parsed(block).caller_withheld is withheld


def test_a_line_that_an_argument_smuggles_in_changes_nothing() -> None:
    request = parsed(header(4573, "sales", "x\nagi_channel: PJSIP/boss\nagi_callerid: 112", "y"))
    assert (request.channel, request.caller_number) == ("PJSIP/carrier-00000001", "+14155550177")
    assert request.arguments == ("x", "y")


@pytest.mark.parametrize(
    "smuggled",
    [
        "agi_arg_1: next\nagi_arg_2: 20261121T110028-90abf3006d29",
        "agi_extension: +19005550123",
        "agi_threadid: 1\nagi_arg_1: +19005550123",
    ],
)
def test_a_line_that_a_callers_name_smuggles_in_is_refused(smuggled: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        parsed(header(4573, "sales", caller_name=f"Eve\n{smuggled}"))


def test_an_argument_that_another_one_smuggles_in_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        parsed(header(4573, "sales", "x\nagi_arg_2: z", "y"))


def test_what_asterisk_was_not_told_is_empty() -> None:
    request = parsed(header(4573, "/sales/", caller="unknown", caller_name="unknown", called="s"))
    assert (request.script, request.caller_number, request.caller_name, request.called_number) == ("sales", "", "", "s")


@pytest.mark.parametrize("block", [b"", b"GET / HTTP/1.1", b"agi_channel: x", b"agi_network_script: x", b"\xff: \xfe"])
def test_what_is_none_of_asterisks_is_refused(block: bytes) -> None:
    with pytest.raises(ValueError, match="names no script and no channel"):
        AgiRequest.parse(block)
