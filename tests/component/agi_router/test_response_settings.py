"""The section `response` of a route: what loads, and how each mistake is told."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.destination import DestinationType
from agi_router.routing.route import AnswerFormat, Response
from agi_router.routing.understood import Understood
from agi_router.settings import RoutingSections, routing_settings

CONFIG = """\
directory:
  users:
    - {id: "456", email: ada@example.com, crm_ids: {hubspot: 77, zendesk: "8"}, devices: [PJSIP/ada]}
    - {id: "9", crm_ids: {hubspot: "78", zendesk: "77"}, devices: [PJSIP/bob]}
trunks: [{name: main, endpoint: trunk, caller_id: caller}, {name: office, endpoint: office, trusted: true}]
policy: {regions: [US]}
defaults: {region: US}
routes:
  sales:
    request: {url: "https://api.example.com/"}
    fallback: []
    response:
"""


def load(tmp_path: Path, response: str, config: str = CONFIG) -> RoutingSettings:
    file = tmp_path / "c.yaml"
    file.write_text(config + "".join(f"      {line}\n" for line in response.splitlines()))
    document = load_document(file, {})
    return routing_settings(document, validate(document, RoutingSections))


def response(tmp_path: Path, text: str) -> Response:
    return load(tmp_path, text).routes[0].response


def problems(tmp_path: Path, text: str, config: str = CONFIG) -> str:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text, config)
    return "\n".join(map(str, raised.value.problems))


def test_a_table_names_destinations_as_a_fallback_does(tmp_path: Path) -> None:
    text = """\
path: tier
values:
  VIP: {user: ADA@example.com, timeout_s: 40}
  2: {external: "(202) 555-0123", trunk: office}
  3: {external: "(202) 555-0123", confirm: true}
  true: {hangup: rejected}
  night: {dialplan: "closed,s,2"}
  back: {last_agent: 604800}
  shut: {announcement: [custom/closed, "sound:bye"], answer: false}
  "": {endpoint: PJSIP/reception}
"""
    assert response(tmp_path, text).values == {
        "vip": Understood(value="456", type=DestinationType.USER, ring_s=40),
        "2": Understood(value="+12025550123", type=DestinationType.EXTERNAL, trunks=("office",)),
        "3": Understood(value="+12025550123", type=DestinationType.EXTERNAL, confirm=True),
        "true": Understood(value="rejected", type=DestinationType.HANGUP),
        "night": Understood(value="closed,s,2", type=DestinationType.DIALPLAN),
        "back": Understood(value="604800", type=DestinationType.LAST_AGENT),
        "shut": Understood(value="custom/closed,bye", type=DestinationType.ANNOUNCEMENT, answer=False),
        "": Understood(value="reception", type=DestinationType.ENDPOINT),
    }


def test_a_type_is_read_by_the_words_of_the_api_and_by_ours(tmp_path: Path) -> None:
    read = response(tmp_path, "{path: to, type_path: [kind, type], types: {Phone Number: external, owner: user}}")
    assert (read.type, [path.text for path in read.type_paths]) == (None, ["kind", "type"])
    assert (read.types["phone number"], read.types["owner"]) == (DestinationType.EXTERNAL, DestinationType.USER)
    assert read.types["hangup"] is DestinationType.HANGUP


def test_what_goes_with_the_call_is_found_by_paths(tmp_path: Path) -> None:
    text = """\
format: json-rpc
type: user
crm: hubspot
path: to
caller_name: [contact.name, contact.company]
ring_timeout: ring
headers: {X-Contact: contact.id}
variables: {CONTACT_ID: [contact.id, lead.id]}
"""
    read = response(tmp_path, text)
    assert (read.format, read.crm) == (AnswerFormat.JSON_RPC, "hubspot")
    assert [path.text for path in read.carries.caller_name] == ["contact.name", "contact.company"]
    assert [path.text for path in read.carries.ring_s] == ["ring"]
    assert list(read.carries.headers) == ["X-Contact"]
    assert [path.text for path in read.carries.variables["AGI_ROUTER_CRM_CONTACT_ID"]] == ["contact.id", "lead.id"]


def test_ids_of_crms_and_trusted_trunks_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, "{type: user, path: to}")
    assert [user.crm_ids for user in settings.users] == [
        {"hubspot": "77", "zendesk": "8"},
        {"hubspot": "78", "zendesk": "77"},
    ]
    assert [trunk.trusted for trunk in settings.trunks] == [False, True]
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("path: to", "12: routes.sales.response: needs the type of the value; give type, type_path, or a table"),
        ("{path: to, values: {}}", "needs the type of the value"),
        ("{path: to, type: user, type_path: kind}", "has both type and type_path"),
        ("{path: to, type: user, types: {a: user}}", "add type_path, or take types away"),
        ("{path: to, type_path: kind, types: {a: robot}}", 'response.types.a: "robot" does not exist'),
        ("{path: to, type: auto, crm: hubspot}", "set type: user, or take crm away"),
        ("{path: to, type: user, crm: hubspt}", '13: routes.sales.response.crm: no user has an id of "hubspt"'),
        ("{path: to, type: user, crm: hubspt}", 'did you mean "hubspot"?'),
        ("{path: to, type: user, confirm: true}", "only a number outside needs here; set it on the user's device"),
        ("{path: to, values: {a: {user: '9', confirm: true}}}", "only an external number needs here"),
        ("{path: to, values: {a: {last_agent: 1.5}}}", "has a last_agent that is no whole number of seconds"),
        ("{path: to, values: {a: {last_agent: 0}}}", "routes.sales.response.values.a.last_agent: "),
        ("{format: json-rpc, type: user}", "needs a path to the value"),
        ("{format: text, type_path: kind}", "take type_path away"),
        ("{format: text, type: user, caller_name: name}", "take caller_name away"),
        ("{format: text, type: user, headers: {X-A: a}}", "take headers away"),
        ("{path: to, values: {a: {}}}", "13: routes.sales.response.values.a: has no destination"),
        ("{path: to, values: {a: {user: '1'}}}", "routes.sales.response.values.a.user: no user has the id"),
        ("{path: to, values: {a: {endpoint: 9@trunk}}}", "response.values.a.endpoint: 9@trunk leads to a trunk"),
        (
            "{path: to, values: {a: {dialplan: 'ivr,s,start'}}}",
            'response.values.a.dialplan: "ivr,s,start" is not a place',
        ),
        ("{path: to, values: {a: {number: '9'}}}", 'response.values.a.number: "9" is no internal number'),
        ("{path: to, values: {a: {announcement: ../x}}}", 'response.values.a.announcement: "../x" names no sounds'),
        ("{path: to, values: {a: {user: '9', answer: false}}}", "has answer, which only an announcement needs"),
        (
            "{path: to, type: dialplan}",
            "13: routes.sales.response.type: answers may name no context of the dialplan yet",
        ),
        ("path: to\nvalues:\n  a: {user: '9'}\n  A: {user: '9'}", '16: routes.sales.response.values.A: "a" is already'),
        ("path: to\ntype: user\nheaders:\n  X-A: a\n  x-a: b", "is not the name of a header for the phones"),
        (
            "path: to\ntype: user\nheaders:\n  X-A: a\n  X-a: b",
            '17: routes.sales.response.headers.X-a: "x-a" is already',
        ),
        ("{path: to, type: user, headers: {Via: a}}", "write X- and letters, digits and -"),
        ('{path: to, type: user, headers: {"X-A)=1\\r\\nB": a}}', "write X- and letters, digits and -"),
        ("{path: to, type: user, headers: {X-A: 'a[['}}", "makes no sense from position"),
        ("{path: to, type: user, variables: {'SHELL(id)': a}}", "write letters, digits and _"),
        ("{path: to, type: user, variables: {AGI_ROUTER_CRM_ID: a}}", "put in front by itself; write ID"),
        ("{path: to, type: user, ring_timeout_s: a}", 'did you mean "ring_timeout"?'),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_remedy(tmp_path: Path, text: str, told: str) -> None:
    assert told in problems(tmp_path, text)


def test_two_users_cannot_share_an_id_of_one_crm(tmp_path: Path) -> None:
    config = CONFIG.replace('hubspot: "78"', 'hubspot: "77"')
    told = problems(tmp_path, "{type: user, path: to}", config)
    assert '4: directory.users[1].crm_ids.hubspot: "77" is already given at' in told
    assert told.count("\n") == 0


def test_too_many_headers_are_refused(tmp_path: Path) -> None:
    many = ", ".join(f"X-A{number}: a" for number in range(21))
    assert "20" in problems(tmp_path, f"{{path: to, type: user, headers: {{{many}}}}}")
