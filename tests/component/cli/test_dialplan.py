"""`agi-router dialplan`: what Asterisk includes."""

from tests.command import Command


async def test_the_dialplan_is_printed_ready_for_a_file(command: Command) -> None:
    assert "Stasis(" in (await command("dialplan")).out
    assert "[general]" in (await command("dialplan", "http.conf")).out
    unknown = await command("dialplan", "htp.conf")
    assert unknown.status == 2
    assert 'did you mean "http.conf"?' in unknown.err
