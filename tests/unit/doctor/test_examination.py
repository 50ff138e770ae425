"""How the doctor's findings come together."""

import asyncio
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from ari_app import doctor
from ari_app.calls.ports import NotFoundError, RefusedError, UnreachableError
from ari_app.doctor.asterisk import (
    judge_description,
    judge_rights,
)
from ari_app.doctor.check import Check, carry_out
from ari_app.doctor.finding import Finding, Group, Topic, Verdict, is_healthy
from tests.unit.doctor.topic import ARI, TOPIC


@pytest.mark.parametrize(
    ("status", "healthy", "strictly"),
    [
        (Verdict.OK, True, True),
        (Verdict.SKIPPED, True, True),
        (Verdict.WARNING, True, False),
        (Verdict.ERROR, False, False),
    ],
)
def test_only_errors_are_ill_and_warnings_too_when_asked_so(status: Verdict, healthy: bool, strictly: bool) -> None:
    finding = Finding(id="x", group=Group.ROUTER, status=status, found="")
    assert is_healthy([finding]) == healthy
    assert is_healthy([finding], strict=True) == strictly


async def test_a_check_that_hangs_becomes_a_finding_and_holds_up_no_other() -> None:
    async def hangs() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def fine() -> list[Finding]:
        return [TOPIC.ok("fine")]

    hung, other = await carry_out([Check(TOPIC.of("slow"), hangs, deadline_s=0.01), Check(TOPIC, fine)])
    assert (hung.id, hung.status, hung.found) == ("topic:slow", "error", "no answer within 0.01 s")
    assert hung.remedy
    assert other.status == "ok"


@pytest.mark.parametrize("error", [NotFoundError("gone"), UnreachableError("away"), RefusedError("no")])
async def test_a_check_that_asterisk_refuses_becomes_a_finding(error: Exception) -> None:
    async def refused() -> list[Finding]:
        raise error

    [finding] = await carry_out([Check(TOPIC, refused)])
    assert (finding.id, finding.status) == ("topic", "error")
    assert str(error) in finding.found
    assert finding.remedy


@pytest.mark.parametrize("error", [UnreachableError("away"), TimeoutError()])
async def test_asterisk_that_falls_silent_midway_is_not_blamed_on_its_modules_or_files(
    error: UnreachableError | TimeoutError,
) -> None:
    async def silent() -> list[Finding]:
        raise UnreachableError("away")

    findings = [judge_rights(ARI, error), judge_description(error), *await carry_out([Check(TOPIC, silent)])]
    assert [finding.status for finding in findings] == ["error"] * 3
    assert all("core show uptime" in finding.remedy for finding in findings)
    refused = [judge_rights(ARI, RefusedError("no")), judge_description(RefusedError("no"))]
    assert not any("core show uptime" in finding.remedy for finding in refused)


def test_every_topic_has_its_place_in_the_operators_page() -> None:
    modules = [import_module(f"ari_app.doctor.{found.name}") for found in iter_modules(doctor.__path__)]
    topics = {thing for module in modules for thing in vars(module).values() if isinstance(thing, Topic)}
    page = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert len(topics) > 15
    assert [topic.id for topic in topics if f"| `{topic.id}`" not in page and f"| `{topic.id}:" not in page] == []
