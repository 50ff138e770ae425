"""The process that reads a configuration may be of another version than the router that asks for it."""

import sys
from pathlib import Path

import pytest

from agi_router.document import ConfigError
from ari_app.live.reading import read_settings

# What a newer version might write: an enumeration with a word that this one does not know.
NEWER = """\
#!/bin/sh
printf 'cagi_router.routing.destination\\nDestinationType\\n(Vholodeck\\ntR.'
"""


async def test_what_another_version_has_read_is_refused_with_the_advice_to_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(NEWER, encoding="ascii")
    interpreter.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with pytest.raises(ConfigError) as refused:
        await read_settings(tmp_path / "agi-router.yaml")
    (problem,) = refused.value.problems
    assert "'holodeck' is not a valid DestinationType" in problem.message
    assert problem.message.endswith("restart the router")
