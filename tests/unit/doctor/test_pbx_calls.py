"""What the doctor says of the calls that Asterisk carries by itself."""

import pytest

from ari_app.asterisk.ami_hearing import Heard
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.pbx_calls import Source
from ari_app.control.client import NoRouterError
from ari_app.doctor.pbx_calls import judge_heard, told_findings

AMI = AmiSettings(host="127.0.0.1", port=5038, username="router", secret="s")
CEL = Heard(cel=True, stamped=True, cdr=False)
CDR = Heard(cel=False, stamped=False, cdr=True)
NOTHING = Heard(cel=False, stamped=False, cdr=False)


@pytest.mark.parametrize(
    ("wanted", "heard", "status", "says"),
    [
        (Source.AUTO, CEL, "ok", "by CEL"),
        (Source.AUTO, CDR, "ok", "CEL tells more"),
        (Source.CDR, CDR, "ok", "linkedid"),
        (Source.CEL, CDR, "warning", "module load cel_manager.so"),
        (Source.AUTO, NOTHING, "warning", "read = agent,call in section [router]"),
        (Source.CDR, NOTHING, "warning", "read = agent,cdr in section [router]"),
        (Source.AUTO, Heard(cel=True, stamped=False, cdr=False), "warning", "timestampevents"),
    ],
)
def test_what_comes_is_judged_by_what_is_wanted(wanted: Source, heard: Heard, status: str, says: str) -> None:
    finding = judge_heard(AMI, wanted, heard)
    assert finding.status == status
    assert says in f"{finding.found} {finding.remedy}"


def test_records_that_cannot_be_put_together_are_told() -> None:
    assert told_findings({"pbx_cdr_alone": 3})[0].id == "history:linkedid"
    assert told_findings({"pbx_cdr_alone": 0}) == []
    assert told_findings({}) == []
    assert told_findings(NoRouterError("none", "")) == []
