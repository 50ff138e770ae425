"""Text messages over real HTTP: who gets one, what is refused, and what is on record."""

import asyncio
import uuid
from typing import Any

import pytest

from ari_app.access.scopes import Scope
from ari_app.calls.ports import RefusedError
from ari_app.control.settings import ControlError
from ari_app.domain.messages import LONGEST_TEXT, ReceivedText
from ari_app.domain.notices import NoticeType
from ari_app.live.floods import MOST_PER_MINUTE
from tests.component.web.rig import TOKEN, WebRig

ADAS = [
    ("ada", "sip:ada@192.0.2.7:5060"),
    ("ada", "sip:ada@192.0.2.8:5060;transport=tcp"),
    ("ada-desk", "sip:ada-desk@192.0.2.9"),
]


def inbound(text: str = "hello", endpoint: str = "PJSIP/bob", **more: Any) -> ReceivedText:
    return ReceivedText(**{"endpoint": endpoint, "sender": "sip:bob@pbx", "recipient": "crm", "text": text, **more})


async def send(web: WebRig, **body: str) -> tuple[int, Any]:
    return await web.ask("POST", "/messages", json={"to": "456", "text": "Come down.", **body})


@pytest.mark.parametrize("to", ["456", "ADA@example.com", "101"])
async def test_every_contact_of_every_device_gets_it(web: WebRig, to: str) -> None:
    status, message = await send(web, to=to)
    assert web.texting.sent == [(*contact, "agi-router", "Come down.") for contact in ADAS]
    assert (status, message["status"], message["to"], message["user"]) == (202, "sent", to, "456")
    assert [each["contact"] for each in message["contacts"]] == [contact for _, contact in ADAS]
    assert await web.ask("GET", f"/messages/{message['id']}") == (200, message)


async def test_one_device_can_be_named(web: WebRig) -> None:
    status, message = await send(web, to="PJSIP/ada-desk")
    assert (status, message["user"], message["endpoint"]) == (202, "456", "PJSIP/ada-desk")
    assert [sent[0] for sent in web.texting.sent] == ["ada-desk"]


@pytest.mark.parametrize(
    ("sender", "shown"), [("77", "102"), ("102", "102"), ("+14155550100", "+14155550100"), ("front-door", "front-door")]
)
async def test_phones_are_shown_who_sends_it(web: WebRig, sender: str, shown: str) -> None:
    _, message = await send(web, **{"from": sender})
    assert (message["from"], web.texting.sent[0][2]) == (shown, shown)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "nobody"}, 404, "user_unknown"),
        ({"to": "PJSIP/trunk"}, 404, "user_unknown"),
        ({"to": "ada@example.org"}, 404, "user_unknown"),
        ({"text": "\x00\x1b \n"}, 422, "text_empty"),
        ({"text": "ü" * (LONGEST_TEXT // 2 + 1)}, 422, "text_too_long"),
        ({"text": "x" * (LONGEST_TEXT + 1)}, 422, "bad_request"),
        ({"from": "a b"}, 422, "sender_malformed"),
        ({"from": "x@evil.example"}, 422, "sender_malformed"),
        ({"from": "a\r\nX-Header: b"}, 422, "sender_malformed"),
        ({"sender": "102"}, 422, "bad_request"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_not_on_record(
    web: WebRig, body: dict[str, str], status: int, code: str
) -> None:
    told = await send(web, **body)
    assert (told[0], told[1]["code"], web.texting.sent, web.notices) == (status, code, [], [])
    assert (await web.ask("GET", "/messages"))[1]["total"] == 0


async def test_a_name_that_is_nearly_right_is_suggested(web: WebRig) -> None:
    _, problem = await send(web, to="ada@example.con")
    assert "ada@example.com" in problem["detail"]


async def test_control_characters_are_left_out_and_lines_stay(web: WebRig) -> None:
    await send(web, text="one\r\ntwo\rthree\u2028four\x00\x07\x1b[31m\tfive \u200d👩\u200d👧 ")
    assert web.texting.sent[0][3] == "one\ntwo\nthree\nfour[31m\tfive \u200d👩\u200d👧 "


async def test_a_text_of_the_longest_length_is_taken(web: WebRig) -> None:
    text = "ü" * (LONGEST_TEXT // 2)
    assert (await send(web, text=text))[1]["text"] == text


async def test_it_is_sent_when_one_contact_is_refused_and_the_record_tells_which(web: WebRig) -> None:
    web.texting.errors[ADAS[0][1]] = RefusedError("400 no such transport")
    status, message = await send(web)
    assert (status, message["status"]) == (202, "sent")
    assert [(each["status"], each["reason"]) for each in message["contacts"]] == [
        ("failed", "400 no such transport"),
        ("sent", ""),
        ("sent", ""),
    ]


@pytest.mark.parametrize(
    ("status", "code", "change"),
    [
        (409, "not_registered", lambda texting: texting.contacts.clear()),
        (502, "asterisk_refused", lambda texting: texting.errors.update({c: RefusedError("no") for _, c in ADAS})),
        (503, "asterisk_unreachable", lambda texting: setattr(texting, "is_connected", False)),
        (503, "asterisk_unreachable", lambda texting: setattr(texting, "is_reached", False)),
    ],
)
async def test_what_fails_is_on_record_and_told(web: WebRig, status: int, code: str, change: Any) -> None:
    change(web.texting)
    told = await send(web)
    assert (told[0], told[1]["code"]) == (status, code)
    assert told[1]["remedy"]
    (message,) = (await web.ask("GET", "/messages"))[1]["items"]
    assert (message["status"], message["reason"]) == ("failed", code)
    assert [(notice.type, notice.data["message"]) for notice in web.notices] == [(NoticeType.MESSAGE_FAILED, message)]


async def test_others_are_told_of_a_message_in_the_shape_of_the_api(web: WebRig) -> None:
    _, sent = await send(web, **{"from": "+14155550100"})
    web.services.messages.receive(inbound(endpoint="PJSIP/trunk", sender="sip:+14155550177@carrier"))
    listed = (await web.ask("GET", "/messages?direction=inbound"))[1]["items"]
    first, second = web.notices
    assert (first.type, first.data) == (NoticeType.MESSAGE_SENT, {"message": sent})
    assert (set(first.about.users), set(first.about.numbers)) == ({"456"}, {"+14155550100"})
    assert (second.type, second.data) == (NoticeType.MESSAGE_RECEIVED, {"message": listed[0]})
    assert (second.about.users, set(second.about.numbers)) == (frozenset(), {"+14155550177"})
    assert (first.about.direction, second.about.direction) == ("outbound", "inbound")
    assert first.id != second.id


async def test_a_key_of_idempotency_sends_once(web: WebRig) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": str(uuid.uuid4())}
    first = await web.ask("POST", "/messages", json={"to": "456", "text": "once"}, headers=headers)
    again = await web.ask("POST", "/messages", json={"to": "456", "text": "once"}, headers=headers)
    other = await web.ask("POST", "/messages", json={"to": "456", "text": "twice"}, headers=headers)
    call = await web.ask("POST", "/calls", json={"user": "456", "number": "102"}, headers=headers)
    assert first == again
    assert first[0] == 202
    assert [(each[0], each[1]["code"]) for each in (other, call)] == [(422, "idempotency_key_reused")] * 2
    assert len(web.texting.sent) == len(ADAS)


async def test_a_refused_request_leaves_its_key_of_idempotency_free(web: WebRig) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": "a"}
    web.texting.is_connected = False
    assert (await web.ask("POST", "/messages", json={"to": "456", "text": "x"}, headers=headers))[0] == 503
    web.texting.is_connected = True
    assert (await web.ask("POST", "/messages", json={"to": "456", "text": "x"}, headers=headers))[0] == 202


async def test_messages_are_listed_by_user_direction_and_time_page_by_page(web: WebRig) -> None:
    for number in range(5):
        await send(web, text=f"out {number}")
        web.services.messages.receive(inbound(f"in {number}"))
    _, page = await web.ask("GET", "/messages?limit=4&sort=oldest_first")
    texts = [each["text"] for each in page["items"]]
    while page["next"]:
        _, page = await web.ask("GET", f"/messages?limit=4&sort=oldest_first&cursor={page['next']}")
        texts += [each["text"] for each in page["items"]]
    assert page["total"] == 10
    assert texts == [f"{way} {number}" for number in range(5) for way in ("out", "in")]
    _, newest = await web.ask("GET", "/messages?limit=3")
    assert [each["text"] for each in newest["items"]] == texts[:-4:-1]
    for query, count in (
        ("user=101", 5),
        ("user=77", 5),
        ("user=77&direction=outbound", 0),
        ("direction=inbound&direction=outbound", 10),
        ("from=2026-01-01&to=2026-01-02", 0),
    ):
        assert (await web.ask("GET", f"/messages?{query}"))[1]["total"] == count, query
    assert (await web.ask("GET", "/messages?user=77&cursor=" + str(newest["next"])))[0] == 422


async def test_a_message_that_is_not_on_record_is_unknown(web: WebRig) -> None:
    status, problem = await web.ask("GET", "/messages/msg-1")
    assert (status, problem["code"]) == (404, "unknown_message")


async def test_a_received_message_is_its_endpoints_whatever_it_claims(web: WebRig) -> None:
    web.services.messages.receive(inbound("a\x1b[0m\r\nb", sender="sip:ada@pbx\r\nX: y", endpoint="PJSIP/bob"))
    (message,) = (await web.ask("GET", "/messages"))[1]["items"]
    assert (message["user"], message["endpoint"], message["from"]) == ("77", "PJSIP/bob", "sip:ada@pbx X: y")
    assert (message["direction"], message["status"], message["text"]) == ("inbound", "received", "a[0m\nb")


async def test_a_flood_of_one_phone_is_cut_off_and_another_is_heard(web: WebRig) -> None:
    for number in range(MOST_PER_MINUTE + 10):
        web.services.messages.receive(inbound(str(number)))
    web.services.messages.receive(inbound(endpoint="PJSIP/ada"))
    assert (await web.ask("GET", "/messages?user=77"))[1]["total"] == MOST_PER_MINUTE
    assert (await web.ask("GET", "/messages?user=456"))[1]["total"] == 1


async def test_rights_to_send_and_to_read_are_apart(web: WebRig) -> None:
    web.scopes = {Scope.MESSAGES_READ}
    assert (await send(web))[0] == 403
    assert (await web.ask("GET", "/messages"))[0] == 200
    web.scopes = {Scope.MESSAGES_SEND}
    assert (await send(web))[0] == 202
    assert (await web.ask("GET", "/messages"))[0] == 403


async def test_the_command_sends_as_the_api_does_and_tells_what_is_wrong(web: WebRig) -> None:
    told = await web.services.messages.answer({"to": "101", "text": "Come down."})
    assert (told["status"], told["user"], told["key"]) == ("sent", "456", "")
    with pytest.raises(ControlError, match=r"no phone of the user 77 is registered \[not_registered\]"):
        await web.services.messages.answer({"to": "77", "text": "x"})
    with pytest.raises(ControlError, match="text is missing"):
        await web.services.messages.answer({"to": "77"})


async def test_many_at_once_are_all_on_record(web: WebRig) -> None:
    answers = await asyncio.gather(*(send(web, text=str(number)) for number in range(30)))
    assert {status for status, _ in answers} == {202}
    listed = (await web.ask("GET", "/messages"))[1]["items"]
    assert {each["text"] for each in listed} == {str(number) for number in range(30)}
