"""What the doctor says of webhooks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.doctor.finding import Verdict
from ari_app.doctor.webhooks import judge_webhooks
from ari_app.domain.deliveries import Standing
from ari_app.domain.webhooks import Subscription
from ari_app.live.webhooks import Shown

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EARLIER, JUST_NOW = AT - timedelta(hours=1), AT - timedelta(minutes=1)
CRM = Subscription(
    id="wh_1", name="crm", url="https://crm.example.com/", secrets=("whsec_",), created_at=AT, changed_at=AT
)
WELL = Standing(pending=2, oldest_pending_at=JUST_NOW, failing_since=JUST_NOW, last_success_at=JUST_NOW)


def test_without_webhooks_nothing_is_said() -> None:
    assert judge_webhooks([], AT) == []


def test_those_that_are_well_are_told_together() -> None:
    paused = replace(CRM, name="paused", is_enabled=False)
    (finding,) = judge_webhooks([Shown(CRM, WELL), Shown(paused, Standing(pending=5, oldest_pending_at=EARLIER))], AT)
    assert (finding.id, finding.status) == ("webhooks", Verdict.OK)
    assert finding.found == "2 webhooks, and 7 deliveries wait"


@pytest.mark.parametrize(
    ("webhook", "standing", "status", "found", "remedy"),
    [
        (replace(CRM, secrets=()), WELL, Verdict.ERROR, "secret cannot be read", "webhooks rotate crm"),
        (
            replace(CRM, is_enabled=False, disabled_reason="410 Gone"),
            WELL,
            Verdict.WARNING,
            "410 Gone",
            "webhooks enable crm",
        ),
        (CRM, replace(WELL, failing_since=EARLIER), Verdict.WARNING, "has taken nothing", "--state pending"),
        (CRM, replace(WELL, oldest_pending_at=EARLIER), Verdict.WARNING, "wait since", "webhooks deliver"),
        (CRM, replace(WELL, failed=3), Verdict.WARNING, "3 deliveries to crm were given up", "--failed"),
    ],
)
def test_what_needs_somebody_is_told_with_the_next_step(
    webhook: Subscription, standing: Standing, status: Verdict, found: str, remedy: str
) -> None:
    (finding,) = judge_webhooks([Shown(webhook, standing), Shown(replace(CRM, name="well"), WELL)], AT)
    assert (finding.id, finding.status) == ("webhooks:crm", status)
    assert found in finding.found
    assert remedy in finding.remedy
