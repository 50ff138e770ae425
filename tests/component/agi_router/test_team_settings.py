"""`directory.teams`, and the order in which they ring: what loads, and how each mistake is told."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.directory.teams import Team
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.destination import DestinationType, EndpointDestination, TeamDestination, UserDestination
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.route import FallbackStep
from agi_router.routing.understood import Understood
from agi_router.settings import RoutingSections, routing_settings

CONFIG = """\
directory:
  users:
    - {id: "456", name: Ada, email: ada@example.com, extension: "101", devices: [PJSIP/ada]}
    - {id: "77", dnd: "Custom:AWAY77", extension: "102", devices: [PJSIP/bob]}
    - {id: "78", extension: "no number", devices: [PJSIP/carol]}
  teams:
    - {id: 7, name: Sales, members: [ADA@example.com, "77"], order: round_robin, ring_each_s: 10, wrap_up_s: 20}
    - {id: "8", members: ["77"]}
defaults: {region: US}
routes:
  sales:
    request: {url: "https://api.example.com/"}
    response: {type_path: kind, path: to, values: {vip: {team: "7", timeout_s: 40}}}
    ringing: {order: longest_idle, if_busy: skip}
    fallback: [{team: "8", order: random, if_busy: wait}, {user: "77", if_busy: skip}, {team: "7"}]
"""


def load(tmp_path: Path, config: str = CONFIG) -> RoutingSettings:
    file = tmp_path / "c.yaml"
    file.write_text(config)
    document = load_document(file, {})
    return routing_settings(document, validate(document, RoutingSections))


def test_teams_are_users_by_id_or_e_mail(tmp_path: Path) -> None:
    assert load(tmp_path).teams == (
        Team(id="7", name="Sales", members=("456", "77"), order=Order.ROUND_ROBIN, ring_each_s=10, wrap_up_s=20),
        Team(id="8", members=("77",)),
    )


def test_a_route_and_each_step_of_its_fallback_say_how_they_ring(tmp_path: Path) -> None:
    (route,) = load(tmp_path).routes
    assert (route.ringing.order, route.ringing.if_busy) == (Order.LONGEST_IDLE, IfBusy.SKIP)
    assert route.fallback == (
        FallbackStep(TeamDestination("8"), 25, Order.RANDOM, IfBusy.WAIT),
        FallbackStep(UserDestination("77"), 25, None, IfBusy.SKIP),
        FallbackStep(TeamDestination("7"), 25, None, IfBusy.RING),
    )
    assert route.response.values["vip"] == Understood(value="7", type=DestinationType.TEAM, ring_s=40)


def test_do_not_disturb_stands_where_the_extension_says_unless_it_is_named(tmp_path: Path) -> None:
    assert [user.dnd for user in load(tmp_path).users] == ["Custom:DND101", "Custom:AWAY77", None]


def test_of_an_endpoint_it_may_be_told_what_becomes_of_a_call_while_it_is_busy(tmp_path: Path) -> None:
    settings = load(tmp_path, CONFIG.replace('{team: "7"}]', "{endpoint: PJSIP/ada, if_busy: skip}]"))
    assert settings.routes[0].fallback is not None
    assert settings.routes[0].fallback[-1] == FallbackStep(EndpointDestination("ada"), 25, None, IfBusy.SKIP)


def test_a_team_without_members_is_a_warning(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, CONFIG.replace('id: "8", members: ["77"]', 'id: "8"')).warnings
    assert 'directory.teams[1]: team "8" has no members, so nobody rings for it; add some' in warning


@pytest.mark.parametrize(
    ("found", "replaced", "said"),
    [
        ('[ADA@example.com, "77"]', "[adda@example.com]", "7: directory.teams[0].members[0]: no user has the id or"),
        ('[ADA@example.com, "77"]', "[ada@example.com, 456]", '.members[1]: "456" is already given at'),
        ('id: "8"', 'id: "7"', '8: directory.teams[1].id: "7" is already given at'),
        ("round_robin", "roundrobin", 'order: "roundrobin" does not exist; did you mean "round_robin"?'),
        ("ring_each_s: 10", "ring_each_s: 4", "7: directory.teams[0].ring_each_s: must be at least 5"),
        ("wrap_up_s: 20", "wrap_up_s: -1", "7: directory.teams[0].wrap_up_s: must be at least 0"),
        ("Custom:AWAY77", "AWAY77", "4: directory.users[1].dnd: must be a device whose state Asterisk keeps"),
        ("Custom:AWAY77", "Custom:A,Custom:B", "4: directory.users[1].dnd: must be a device"),
        ('{team: "8", order', '{team: "9", order', '15: routes.sales.fallback[0].team: no team has the id "9"'),
        ('{user: "77", if_busy', '{user: "77", order: random, if_busy', "15: routes.sales.fallback[1]: has an order"),
        ('{team: "7"}]', "{hangup: busy, if_busy: skip}]", "15: routes.sales.fallback[2]: has if_busy, and only of"),
        ("timeout_s: 40", "if_busy: wait", "values.vip.if_busy: is the same for all answers of a route; set ringing"),
        ("timeout_s: 40", "order: random", "values.vip.order: is the same for all answers of a route; set ringing"),
        (
            'type_path: kind, path: to, values: {vip: {team: "7", timeout_s: 40}}',
            "type: user, path: to",
            "14: routes.sales.ringing.order: is the order in which a team rings, and no answer of this route is one",
        ),
    ],
)
def test_what_does_not_fit_together_is_told_where_it_stands(
    tmp_path: Path, found: str, replaced: str, said: str
) -> None:
    assert found in CONFIG
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, CONFIG.replace(found, replaced))
    told = [str(problem) for problem in raised.value.problems]
    assert any(said in line for line in told), told
