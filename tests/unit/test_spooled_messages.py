"""What app_voicemail leaves in its spool, read."""

import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.calls.ports import ChannelEntered
from ari_app.calls.voicemail import MessageLeft, is_over, message_of
from ari_app.recordings.spooled import MessagePlace, NoMessageError, Spooled, seconds_of

CALL = "20261121T012209-4a8f0c1e9b7d"
FILE = "/var/spool/asterisk/voicemail/default/101/INBOX/msg0003"
TXT = """\
;
; Message Information file
;
[message]
origmailbox=101
context=agi-router-voicemail
exten=s
callerchan=PJSIP/carrier-00000001
callerid="duration=99" <+14155550177>
origtime=1795282009
msg_id=1795282009-00000000
duration=2
"""


def entered(*args: str) -> ChannelEntered:
    return ChannelEntered(
        channel_id="1.1",
        name="PJSIP/carrier-00000001",
        up=True,
        args=args,
        caller_number="+14155550177",
        caller_name="",
        replaces=None,
    )


def test_a_caller_whose_channel_is_no_more_tells_which_message_he_left() -> None:
    came = entered("sales", "+14155550100", "allowed", "voicemail-left", CALL, "101@default", FILE)
    assert is_over(came)
    assert message_of(came) == MessageLeft(CALL, "101@default", FILE, "PJSIP/carrier-00000001")


@pytest.mark.parametrize("args", [(), ("sales", "+14155550100", "allowed"), ("a", "b", "c", "queue-return", "FULL")])
def test_whoever_comes_for_something_else_is_a_caller(args: tuple[str, ...]) -> None:
    assert not is_over(entered(*args))


def test_a_message_of_no_call_is_nobodys() -> None:
    came = entered("sales", "", "", "voicemail-left", "", "101@default", FILE)
    assert is_over(came)
    assert message_of(came) is None


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (FILE, "default/101/INBOX/msg0003"),
        ("/srv/pbx/spool/voicemail/sales/ada.b/Urgent/msg12345", "sales/ada.b/Urgent/msg12345"),
        ("default/101/INBOX/msg0003", "default/101/INBOX/msg0003"),
    ],
)
def test_a_message_has_its_place_in_the_spool_wherever_that_is(file: str, path: str) -> None:
    assert MessagePlace.parse(file) == MessagePlace(path)


@pytest.mark.parametrize(
    "file",
    ["", "IMAP_STORAGE", "/default/101/INBOX/../msg0003", "/../101/INBOX/msg0003", "/a/b/INBOX/msg3", FILE + ".wav"],
)
def test_what_is_no_place_of_a_message_is_none(file: str) -> None:
    assert MessagePlace.parse(file) is None


@given(st.text(alphabet="abc0/.\\\0\n msg") | st.from_regex(r"[a./]{0,9}/[a./]{0,9}/msg0000", fullmatch=True))
def test_no_place_leads_out_of_the_spool(file: str) -> None:
    place = MessagePlace.parse(file)
    assert place is None or ".." not in Path(place.path).parts


def spool_with(folder: Path, txt: str) -> MessagePlace:
    place = MessagePlace("default/101/INBOX/msg0003")
    (folder / place.path).parent.mkdir(parents=True)
    (folder / f"{place.path}.txt").write_text(txt)
    return place


def test_a_message_tells_its_caller_and_its_length(tmp_path: Path) -> None:
    place = spool_with(tmp_path, TXT)
    assert Spooled.read(tmp_path, place) == Spooled("1795282009-00000000", "PJSIP/carrier-00000001", 2)
    with wave.open(str(tmp_path / f"{place.path}.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16_000 * 3 // 2))
    assert seconds_of(tmp_path, place) == 1.5


@pytest.mark.parametrize("txt", ["", "duration=\n", "duration=-1\n", "duration=\u0662\n", "duration=9999999999\n"])
def test_a_message_without_a_length_cannot_be_told(tmp_path: Path, txt: str) -> None:
    place = spool_with(tmp_path, txt)
    with pytest.raises(NoMessageError, match="how long"):
        Spooled.read(tmp_path, place)


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoMessageError, match="No such file"):
        Spooled.read(tmp_path, MessagePlace("default/101/INBOX/msg0003"))
    with pytest.raises(NoMessageError, match="format=wav"):
        seconds_of(tmp_path, MessagePlace("default/101/INBOX/msg0003"))
