"""How the logins at CRMs stand, by what the running router tells."""

import pytest

from ari_app.control.settings import ControlError
from ari_app.crm.document import shipped
from ari_app.crm.settings import ConnectorSettings, CrmSettings
from ari_app.doctor.crm_logins import crm_findings
from ari_app.doctor.finding import Verdict

SETTINGS = CrmSettings(connectors=(ConnectorSettings(name="office", document=shipped("generic")),))
NOW = "2026-11-21T10:00:00+00:00"
FAILURE = {"code": "crm_unauthorised", "message": "Users: the CRM answered 401", "remedy": "log in again"}


def told(state: str, **changes: object) -> dict[str, object]:
    given = {"name": "office", "title": "A CRM", "since": NOW, "remedy": "", "failure": None, "answered_at": NOW}
    return {"crm": [{**given, "state": state, **changes}]}


@pytest.mark.parametrize(
    ("answer", "verdict", "found", "remedy"),
    [
        (told("ok"), Verdict.OK, "logged in, last answered at 2026-11-21 10:00:00 UTC", ""),
        (told("ok", doubt="look at the path"), Verdict.WARNING, "no caller was ever known", "look at the path"),
        (told("untried"), Verdict.WARNING, "has not answered yet", "agi-router crm try office Users"),
        (told("untried", failure=FAILURE), Verdict.WARNING, "came to nothing: Users", "log in again"),
        (told("needed", remedy="give Token"), Verdict.ERROR, "nobody has logged in", "give Token"),
        (told("refused", remedy="log in", failure=FAILURE), Verdict.ERROR, "401 (crm_unauthorised)", "log in"),
        ({}, Verdict.WARNING, "knows nothing of it", "restart it: it runs with another configuration"),
        (ControlError("no router", "start it"), Verdict.SKIPPED, "no router tells", "first mend router"),
    ],
)
def test_a_login_is_judged(answer: dict[str, object] | ControlError, verdict: Verdict, found: str, remedy: str) -> None:
    [finding] = crm_findings(SETTINGS, answer)
    assert (finding.id, finding.status, finding.remedy) == ("crm:office", verdict, remedy)
    assert found in finding.found


def test_without_crms_there_is_nothing_to_tell() -> None:
    assert crm_findings(CrmSettings(), {}) == []
