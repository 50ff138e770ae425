"""The types of events, and their examples."""

import json
from pathlib import Path

import pytest

from ari_app.domain.notices import NoticeType
from ari_app.live.event_types import event_types
from ari_app.web.agents import Agent
from ari_app.wire.calls import CallWithParts

GUIDE = Path(__file__).parents[2] / "docs" / "webhooks-events.md"
CALL = "the call"


@pytest.mark.parametrize("kind", NoticeType)
def test_each_has_a_sentence_and_an_example_of_what_is_sent(kind: NoticeType) -> None:
    event = event_types()[kind]
    assert event.description.endswith(".")
    assert event.payload.keys() == {"type", "timestamp", "data"}
    assert event.payload["type"] == kind
    data = event.payload["data"]
    assert data
    if kind.startswith("call."):
        assert "call" in data
    if "call" in data:
        CallWithParts.model_validate(data["call"])
        assert data["call"].keys() == CallWithParts.model_fields.keys()


def test_an_agent_is_told_as_the_rest_api_tells_him() -> None:
    told = event_types()[NoticeType.AGENT_CHANGED].payload["data"]["agent"]
    assert told.keys() == Agent.model_fields.keys()


def test_the_example_of_a_call_that_is_over_has_all_that_happened() -> None:
    call = event_types()[NoticeType.CALL_ENDED].payload["data"]["call"]
    assert (call["disposition"], call["talk_s"], len(call["legs"])) == ("answered", 61.577, 3)
    assert {part["name"] for part in call["parts"]} == {"7", "456", "77"}


def as_printed() -> str:
    """The examples as the guide has them: in a line each, without the call that many have; call.ended whole."""
    printed = []
    for kind, event in event_types().items():
        data = event.payload["data"]
        if kind is NoticeType.CALL_ENDED:
            example = json.dumps(event.payload, indent=2)
        else:
            shown = {name: CALL if name == "call" else value for name, value in data.items()}
            example = json.dumps(shown).replace(f'"{CALL}"', "{...}")
        printed.append(f"### {kind.value}\n\n{event.description}\n\n```json\n{example}\n```\n")
    return "\n".join(printed)


def test_the_guide_prints_the_examples_as_they_are() -> None:
    assert as_printed() in GUIDE.read_text(encoding="utf-8"), f"print this in {GUIDE.name}:\n{as_printed()}"
