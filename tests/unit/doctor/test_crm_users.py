"""What the doctor says of the users of CRMs."""

from datetime import UTC, datetime, timedelta

from agi_router.directory.crm_users import CrmUser
from agi_router.directory.users import User
from ari_app.crm.document.reading import shipped
from ari_app.crm.settings import ConnectorSettings
from ari_app.crm.user_map import CrmUserMap
from ari_app.doctor.crm_users import judge_users
from ari_app.doctor.finding import Finding, Verdict
from ari_app.domain.crm_users import CrmUserList

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = User(id="456", name="Ada", email="ada@example.com")
BOB = User(id="457", name="Bob")
OFFICE = ConnectorSettings(name="office", document=shipped("generic"), users_every_s=3600)
LISTED = CrmUserList(connector="office", read_at=NOW, users=(CrmUser(id="1", email="ada@example.com"), CrmUser(id="2")))


def judged(*users: User, listed: CrmUserList | None = LISTED, at: datetime = NOW) -> Finding:
    known = CrmUserMap()
    known.know(users, "US", ["office"])
    known.take([] if listed is None else [listed])
    return judge_users(OFFICE, known, at)


def test_all_is_well_when_the_crm_knows_everybody() -> None:
    finding = judged(ADA)
    assert (finding.id, finding.status) == ("crm_users:office", Verdict.OK)
    assert finding.found == "office lists 2 users, 1 of them are yours"


def test_whom_the_crm_does_not_know_is_named() -> None:
    finding = judged(ADA, BOB)
    assert (finding.status, finding.found.endswith("it does not know Bob")) == (Verdict.WARNING, True)
    assert finding.remedy.endswith("agi-router crm users office")
    many = judged(*(User(id=str(number)) for number in range(9)))
    assert many.found.endswith("it does not know 0, 1, 2 and 6 more")


def test_a_crm_that_has_never_listed_its_users_is_told() -> None:
    assert judged(ADA, listed=None).found.startswith("office has never listed its users")


def test_a_list_that_was_not_read_three_times_is_told() -> None:
    assert judged(ADA, at=NOW + timedelta(hours=3)).status is Verdict.OK
    assert judged(ADA, at=NOW + timedelta(hours=3, seconds=1)).found.startswith("office has not listed its users since")


def test_an_id_of_the_configuration_that_the_crm_does_not_list_is_told() -> None:
    finding = judged(ADA, User(id="9", crm_ids={"office": "gone"}))
    assert finding.found == "office does not list the users that crm_ids of 9 name"
