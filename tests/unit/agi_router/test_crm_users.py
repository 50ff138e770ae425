"""Who of the directory the users are that a CRM lists."""

from agi_router.directory.crm_users import CrmUser, Match, matches
from agi_router.directory.directory import Directory
from agi_router.directory.users import EndpointDevice, ExternalDevice, User
from agi_router.routing.errors import Failure
from agi_router.routing.policy import DialPolicy

ADA = User(id="456", name="Ada", email="Ada@Example.com", extension="101", devices=(EndpointDevice("ada"),))
BOB = User(id="457", name="Bob", extension="102", devices=(ExternalDevice("+12025550123"),))
CEM = User(id="458", email="cem@example.com", crm_ids={"crm": "77", "other": "88"})


def found(*listed: CrmUser, users: tuple[User, ...] = (ADA, BOB, CEM), crm: str = "crm") -> list[tuple[str, str]]:
    """Of each CRM's user, who he is and why."""
    return [(match.user, _why(match)) for match in matches(crm, listed, users, "US")]


def _why(match: Match) -> str:
    assert (match.by is None) is (match.why is not None) is (match.user == "")
    return match.why.code if match.why is not None else str(match.by)


def why(*listed: CrmUser) -> list[Failure | None]:
    return [match.why for match in matches("crm", listed, (ADA, BOB, CEM), "US")]


def test_a_user_is_found_by_the_configuration_then_by_email_extension_and_phone() -> None:
    assert found(
        CrmUser(id="77"),
        CrmUser(id="1", email=" ADA@example.COM "),
        CrmUser(id="2", extension="102"),
    ) == [("458", "crm_ids"), ("456", "email"), ("457", "extension")]
    assert found(CrmUser(id="2", phone="(202) 555-0123")) == [("457", "phone")]


def test_what_the_crm_tells_first_by_the_order_wins_over_the_rest() -> None:
    assert found(CrmUser(id="1", email="ada@example.com", extension="102", phone="+12025550123")) == [("456", "email")]
    assert found(CrmUser(id="1", email="none@example.com", extension="102")) == [("457", "extension")]
    assert found(CrmUser(id="77", email="ada@example.com")) == [("458", "crm_ids")]


def test_ids_of_another_crm_mean_nobody() -> None:
    assert found(CrmUser(id="88")) == [("", "crm_user_unmatched")]
    assert found(CrmUser(id="88"), crm="other") == [("458", "crm_ids")]


def test_an_id_of_ours_is_not_an_id_of_the_crm() -> None:
    assert found(CrmUser(id="456")) == [("", "crm_user_unmatched")]


def test_two_users_of_the_crm_who_fit_equally_are_both_left_out() -> None:
    both = CrmUser(id="1", email="ada@example.com"), CrmUser(id="2", email="ada@example.com")
    assert found(*both) == [("", "crm_user_ambiguous")] * 2
    first, _ = why(*both)
    assert first == Failure(
        "crm_user_ambiguous",
        '"2" has the e-mail of Ada, too',
        'if it is one of yours, give Ada crm_ids: {crm: "1"} in directory.users',
    )


def test_of_two_users_of_the_crm_the_one_found_by_the_stronger_sign_is_taken_in_whatever_order() -> None:
    weak, strong = CrmUser(id="1", extension="101"), CrmUser(id="2", email="ada@example.com")
    assert found(weak, strong) == [("", "crm_user_taken"), ("456", "email")]
    assert found(strong, weak) == [("456", "email"), ("", "crm_user_taken")]
    assert str(why(weak, strong)[0]).count('Ada has its extension, and is "2" by e-mail')


def test_whom_the_configuration_names_is_nobody_else_though_the_crm_does_not_list_him() -> None:
    assert found(CrmUser(id="1", email="cem@example.com")) == [("", "crm_user_taken")]


def test_a_phone_that_two_of_ours_share_finds_nobody() -> None:
    also = User(id="9", name="Also", devices=(ExternalDevice("+12025550123"),))
    assert found(CrmUser(id="1", phone="+12025550123"), users=(BOB, also)) == [("", "crm_user_ambiguous")]


def test_a_user_with_the_same_phone_twice_is_one_user() -> None:
    twice = User(id="9", devices=(ExternalDevice("+12025550123"), ExternalDevice("+12025550123", ("b",))))
    assert found(CrmUser(id="1", phone="+12025550123"), users=(twice,)) == [("9", "phone")]


def test_whoever_is_not_found_is_told_what_was_looked_for() -> None:
    told = why(CrmUser(id="5", email="x@example.com", extension="999"), CrmUser(id="6", name="Robot"))
    assert [failure.message for failure in told if failure] == [
        "no user has its e-mail or extension",
        "the CRM tells no e-mail, extension or phone of it",
    ]


class Learnt:
    """Knows one user of the CRM."""

    def user_of(self, crm: str, crm_id: str) -> str | None:
        return {("crm", "1"): "456", ("crm", "77"): "456", ("crm", "2"): "gone"}.get((crm, crm_id))


def test_the_directory_knows_what_is_learnt_unless_the_configuration_says_otherwise() -> None:
    directory = Directory([ADA, CEM], [], DialPolicy(frozenset(), "US"), crm_users=Learnt())
    assert directory.user_of_crm("crm", "1") == "456"
    assert directory.user_of_crm("crm", "77") == "458"
    assert directory.user_of_crm("other", "1") is None


def test_who_was_learnt_and_is_no_user_any_more_is_nobody() -> None:
    directory = Directory([ADA], [], DialPolicy(frozenset(), "US"), crm_users=Learnt())
    assert directory.user_of_crm("crm", "2") is None
