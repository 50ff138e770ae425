"""Log lines are fit to be shown to others."""

import json
import subprocess
import sys

import pytest

from ari_app.logs import redact


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("+14155550177 called", "+1415555**** called"),
        ("from 4155550177 to 101", "from 415555**** to 101"),
        ("sip:+14155550177@10.1.2.3:5060", "sip:+1415555****@10.1.2.3:5060"),
        ("PJSIP/14155550177@trunk", "PJSIP/1415555****@trunk"),
        ("call 20261121T012233-9f3a2c1b77aa", "call 20261121T012233-9f3a2c1b77aa"),
        ("channel 1772357400.12", "channel 1772357400.12"),
        ("agr-20261121T012233-123456789012-leg-2", "agr-20261121T012233-123456789012-leg-2"),
        ("GET https://api.example.com/v1?phone=1&key=x failed", "GET https://api.example.com/v1?… failed"),
        ("http://user:pa55@pbx:8088/ari", "http://pbx:8088/ari"),
        ("Authorization: Basic cm91dGVyOng= sent", "Authorization: Basic *** sent"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ***'}"),
    ],
)
def test_numbers_secrets_and_query_strings_are_not_shown(said: str, shown: str) -> None:
    assert redact(said) == shown


def test_numbers_are_shown_when_the_operator_wants_them_and_secrets_still_not() -> None:
    said = "+14155550177 https://api.example.com/v1?key=x"
    assert redact(said, mask_numbers=False) == "+14155550177 https://api.example.com/v1?…"


PROGRAM = """
import logging, structlog
from ari_app.logs import LogSettings, set_up_logs
set_up_logs(LogSettings("info", {format!r}))
structlog.get_logger("x").info("a call", caller="+14155550177", password="geheim", ari={{"token": "geheim"}})
logging.getLogger("library").warning("asked %s", "https://api.example.com/?key=geheim")
structlog.get_logger("x").debug("not shown")
structlog.get_logger("x").info("said", reason="a\\n2026 [info] b\\x1b[2J")
logging.getLogger("library").warning("asked %s", "c\\n2026 [info] d\\x1b[2J")
try:
    raise ValueError("+14155550177 is odd")
except ValueError:
    structlog.get_logger("x").exception("failed")
"""


def log_lines(log_format: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(format=log_format)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_json_lines_are_redacted_at_any_depth_also_those_of_libraries() -> None:
    first, second, _, _, third = map(json.loads, log_lines("json"))
    assert (first["event"], first["level"], first["caller"]) == ("a call", "info", "+1415555****")
    assert (first["password"], first["ari"]) == ("***", {"token": "***"})
    assert second["event"] == "asked https://api.example.com/?…"
    assert "ValueError: +1415555**** is odd" in third["exception"]


def test_console_lines_are_redacted_too() -> None:
    text = "\n".join(log_lines("console"))
    assert "+1415555****" in text
    assert "geheim" not in text
    assert "not shown" not in text
    assert "4155550177" not in text


def test_what_others_say_begins_no_line_of_its_own_and_steers_no_terminal() -> None:
    lines = log_lines("console")
    assert len([line for line in lines if "[info" in line and line.startswith("2026 ")]) == 0
    assert len([line for line in lines if line.startswith("2") and " [" in line]) == 5
    assert "\x1b" not in "".join(lines)


AGAIN = """
import structlog
from ari_app.logs import LogSettings, set_up_logs
set_up_logs(LogSettings("info", "console"))
log = structlog.get_logger("x")
log.info("from +14155550177")
set_up_logs(LogSettings("debug", "json", mask_numbers=False))
log.debug("from +14155550177")
set_up_logs(LogSettings("warning", "console"))
log.info("from +14155550177")
"""


def test_level_form_and_mask_can_be_changed_after_the_first_line() -> None:
    ran = subprocess.run([sys.executable, "-W", "error", "-c", AGAIN], capture_output=True, text=True, check=True)
    first, second = ran.stderr.splitlines()
    assert "from +1415555****" in first
    assert (json.loads(second)["event"], json.loads(second)["level"]) == ("from +14155550177", "debug")


def test_an_api_key_is_never_shown_whatever_it_stands_in() -> None:
    token = "agr_0a1b2c3d4e5f_" + "9f" * 32
    assert redact(f"GET /?key={token} {token}x") == "GET /?key=agr_0a1b2c3d4e5f_*** agr_0a1b2c3d4e5f_***x"
