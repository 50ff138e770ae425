"""A route that asks a CRM connector instead of a URL: the owner of the caller's contact is whom the call goes to."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest

from agi_router.decide import Router, RoutingSettings
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.contact_owner import OwnerAnswer
from agi_router.routing.decision import Decision, FailedAttempt, LookupProgress, ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from agi_router.routing.memory import Memory, Remembered
from agi_router.routing.needs import Needs
from agi_router.routing.route import CrmRequest
from agi_router.settings import RoutingSections, routing_settings

CONFIG = """\
defaults: {region: US, fallback: [{user: reception}]}
directory:
  users:
    - {id: ada, devices: [PJSIP/ada], crm_ids: {office: "77"}}
    - {id: bob, devices: [PJSIP/bob]}
    - {id: reception, devices: [PJSIP/reception]}
routes:
  owner:
    request: {crm: office, deadline_s: 2}
    remember: {last_good_s: 3600}
  cached:
    request: {crm: office}
    remember: {cache_s: 60}
"""
CALLER = "+12025550199"
FIRST = SentRequest(method="GET", url="https://crm.example.com/?phone=%2B12025550199", headers={}, body="")
SECOND = SentRequest(method="GET", url="https://crm.example.com/?phone=2025550199", headers={}, body="")
NONE = ReceivedAnswer(status=200, body="[]", elapsed_ms=3)
ONE = ReceivedAnswer(status=200, body='[{"owner": 77}]', elapsed_ms=4)
DOWN = Failure("api_refused", "crm.example.com does not take connections", "is it running?")
NOBODY = Failure("contact_unknown", "no contact has the number", "nothing is wrong")


class Office:
    """A connector, as far as routes ask it; knows the contact by the second form of the number."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float]] = []
        self.answer = OwnerAnswer(owner="77", received=ONE)

    async def owner(
        self, crm: str, number: str, deadline_s: float, on_progress: Callable[[LookupProgress], None]
    ) -> OwnerAnswer:
        self.asked.append((crm, number, deadline_s))
        on_progress(FIRST)
        on_progress(FailedAttempt(request=FIRST, answer=NONE, failure=NOBODY))
        on_progress(SECOND)
        return self.answer

    def for_trials(self) -> "Office":
        return self

    def user_of(self, crm: str, crm_id: str) -> str | None:
        return "bob" if (crm, crm_id) == ("office", "78") else None


class Kept(Memory):
    """Remembers in this process."""

    def __init__(self) -> None:
        self.kept: dict[str, Remembered] = {}

    async def recall(self, question: str) -> Remembered | None:
        return self.kept.get(question)

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        self.kept[question] = good

    def forget(self, question: str) -> None:
        self.kept.pop(question, None)


def settings(folder: Path, text: str = CONFIG, connectors: tuple[str, ...] = ("office",)) -> RoutingSettings:
    (folder / "config.yaml").write_text(text)
    document = load_document(folder / "config.yaml")
    return routing_settings(document, validate(document, RoutingSections), connectors)


def problems(folder: Path, text: str, connectors: tuple[str, ...] = ("office",)) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        settings(folder, text, connectors)
    return [str(problem).removeprefix(f"{folder}/config.yaml:") for problem in raised.value.problems]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def router(office: Office, tmp_path: Path) -> AsyncIterator[Router]:
    async with Router(settings(tmp_path), memory=Kept(), owners=office, crm_users=office) as router:
        yield router


async def decide(router: Router, route: str = "owner", caller: str = CALLER) -> Decision:
    return await router.route(CallInfo(call_id="c1", route_name=route, caller_number=caller), lambda _: None)


def leads_to(decision: Decision) -> tuple[str, str, str | None]:
    first = decision.steps[0].destination.value
    return first, decision.source.value, decision.error.code if decision.error else None


async def test_the_call_goes_to_the_owner_of_the_callers_contact(router: Router, office: Office) -> None:
    told: list[LookupProgress] = []
    decision = await router.route(
        CallInfo(call_id="c", route_name="owner", caller_number="(202) 555-0199"), told.append
    )
    assert leads_to(decision) == ("ada", "answer", None)
    assert [step.destination.value for step in decision.steps] == ["ada", "reception"]
    assert (decision.value, decision.request, decision.answer) == ("77", SECOND, ONE)
    assert decision.failed_attempts == (FailedAttempt(request=FIRST, answer=NONE, failure=NOBODY),)
    assert told == [FIRST, *decision.failed_attempts, SECOND]
    assert office.asked == [("office", CALLER, 2.0)]


async def test_an_owner_whom_the_crms_own_list_names_is_rung(router: Router, office: Office) -> None:
    office.answer = OwnerAnswer(owner="78", received=ONE)
    assert leads_to(await decide(router)) == ("bob", "answer", None)


async def test_an_owner_who_is_none_of_our_users_leads_to_the_fallback_and_says_so(
    router: Router, office: Office
) -> None:
    office.answer = OwnerAnswer(owner="ada", received=ONE)  # an id of ours is none of the CRM's
    assert leads_to(await decide(router)) == ("reception", "answer", "user_unknown")


async def test_what_is_too_long_for_an_id_is_none(router: Router, office: Office) -> None:
    office.answer = OwnerAnswer(owner="7" * 1000, received=ONE)
    assert leads_to(await decide(router)) == ("reception", "answer", "value_too_long")


async def test_while_the_crm_is_down_the_last_owner_is_rung(router: Router, office: Office) -> None:
    await decide(router)
    office.answer = OwnerAnswer(failure=DOWN)
    assert leads_to(await decide(router)) == ("ada", "last_good", "api_refused")
    assert leads_to(await decide(router, caller="+12025550198")) == ("reception", "answer", "api_refused")


@pytest.mark.parametrize("code", ["contact_unknown", "contact_shared", "contact_without_owner"])
async def test_a_crm_that_has_nobody_any_more_is_believed(router: Router, office: Office, code: str) -> None:
    await decide(router)
    office.answer = OwnerAnswer(failure=Failure(code, "nobody", "nothing is wrong"), received=None)
    assert leads_to(await decide(router)) == ("reception", "answer", code)
    office.answer = OwnerAnswer(failure=DOWN)
    assert leads_to(await decide(router)) == ("reception", "answer", "api_refused")


async def test_who_rings_ahead_is_the_last_owner(router: Router, office: Office) -> None:
    call = CallInfo(call_id="c1", route_name="owner", caller_number=CALLER)
    assert await router.guess(call) is None
    await decide(router)
    guess = await router.guess(call)
    assert guess is not None
    assert guess.destination.value == "ada"
    assert len(office.asked) == 1


@pytest.mark.parametrize("caller", ["", "anonymous"])
async def test_of_a_caller_without_a_number_nobody_is_asked(router: Router, office: Office, caller: str) -> None:
    assert leads_to(await decide(router, caller=caller)) == ("reception", "answer", "caller_unknown")
    assert office.asked == []


async def test_an_owner_is_used_again_from_the_cache(router: Router, office: Office) -> None:
    assert leads_to(await decide(router, "cached")) == ("ada", "answer", None)
    assert leads_to(await decide(router, "cached")) == ("ada", "cache", None)
    assert len(office.asked) == 1


async def test_without_connectors_the_call_takes_the_fallback(tmp_path: Path) -> None:
    async with Router(settings(tmp_path)) as router:
        assert leads_to(await decide(router)) == ("reception", "answer", "crm_not_connected")


def test_a_route_asks_a_crm_with_a_deadline_and_nothing_else(tmp_path: Path) -> None:
    owner, cached = settings(tmp_path).routes
    assert (owner.request, cached.request) == (CrmRequest(crm="office", deadline_s=2), CrmRequest(crm="office"))
    assert owner.needs() == Needs()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("crm: office, d", "crm: offfice, d", '9: routes.owner.request.crm: there is no connector "offfice"; did you'),
        ("deadline_s: 2", "deadline: 2", '9: routes.owner.request.deadline: unknown key; did you mean "deadline_s"?'),
        ("deadline_s: 2", "deadline_s: 11", "9: routes.owner.request.deadline_s: must be at most 10, not 11"),
        ("deadline_s: 2", "url: 'https://x/'", "9: routes.owner.request.crm: unknown key"),
        (
            "{crm: office, deadline_s: 2}",
            "{crm: office}\n    response: {type: user, path: id}",
            "8: routes.owner: asks a CRM, whose answer is the owner of the caller's contact; take response away",
        ),
        ("{crm: office, deadline_s: 2}", "{url: 'https://x/'}", "8: routes.owner: has no response, which tells how"),
    ],
)
def test_a_request_to_a_crm_that_cannot_be_is_told_where_it_stands(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    assert before in CONFIG
    assert problems(tmp_path, CONFIG.replace(before, after))[0].startswith(told)


ANSWERS = """\
defaults: {region: US}
routes:
  sales:
    request: {url: "https://api.example.com/"}
    response: {type: user, path: id, crm: NAME}
"""


def test_an_answer_may_be_an_id_of_a_connector_though_no_user_has_crm_ids(tmp_path: Path) -> None:
    (sales,) = settings(tmp_path, ANSWERS.replace("NAME", "office")).routes
    assert sales.response.crm == "office"


def test_an_answer_of_a_crm_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, ANSWERS.replace("NAME", "offfice"))
    assert told == (
        '5: routes.sales.response.crm: no user has an id of "offfice" under crm_ids, and no connector has this name; '
        'did you mean "office"?'
    )
