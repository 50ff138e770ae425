"""Templates of webhooks in the configuration: written there, or in files of their own; each mistake at its place."""

import pickle
from pathlib import Path

import pytest
import yaml

from agi_router.document import ConfigError
from ari_app.domain.notices import NoticeType
from ari_app.live.changes import restart_needed
from ari_app.settings import Settings, load_settings

OWN = {"send": [{"on": "call.ended", "of": "user", "body": {"call": "{{callId}}", "who": "{{userName}}"}}]}


def loaded(folder: Path, templates: object) -> Settings:
    document = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": {"url": "calls.db"},
        "routes": {
            "sales": {"request": {"url": "https://api.example.com/"}, "response": {"type": "user", "path": "to"}}
        },
        "defaults": {"region": "US"},
        "webhooks": {"templates": templates},
    }
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {})


def mistakes(folder: Path, templates: object) -> str:
    with pytest.raises(ConfigError) as told:
        loaded(folder, templates)
    return str(told.value)


def test_a_template_stands_in_the_configuration_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "crm.yaml").write_text(yaml.safe_dump(OWN))
    templates = loaded(tmp_path, {"here": OWN, "there": "crm.yaml"}).webhooks.templates
    assert templates["here"].rules == templates["there"].rules
    assert templates["there"].types == {NoticeType.CALL_ENDED}


def test_settings_with_templates_come_from_another_process(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"here": OWN})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_changed_template_waits_for_a_restart(tmp_path: Path) -> None:
    assert restart_needed(loaded(tmp_path, {}), loaded(tmp_path, {"here": OWN})) == ("webhooks.templates",)


def entry(**changes: object) -> object:
    return {"mine": {"send": [{"on": "call.ended", "body": {}, **changes}]}}


@pytest.mark.parametrize(
    ("templates", "says"),
    [
        ({"voipline": OWN}, "webhooks.templates.voipline: is a template that comes with the router"),
        ({"mine": "missing.yaml"}, "webhooks.templates.mine: there is no file"),
        ({"mine": {"send": []}}, "webhooks.templates.mine.send: "),
        ({"mine": {**OWN, "sent": 1}}, 'webhooks.templates.mine.sent: unknown key; did you mean "send"?'),
        (entry(on="call.end"), 'webhooks.templates.mine.send[0].on: "call.end" does not exist; did you mean'),
        (entry(of="group"), 'webhooks.templates.mine.send[0].of: "group" does not exist'),
        (
            entry(body={"a": {"b": ["{{callID}}"]}}),
            'webhooks.templates.mine.send[0].body: .a.b[0]: unknown variable {{callID}}; did you mean "callId"?',
        ),
        (entry(body={"a": "{{data.call[}}"}), "webhooks.templates.mine.send[0].body: .a: "),
        (entry(headers={"X-A": "{{user}}"}), 'send[0].headers.X-A: unknown variable {{user}}; did you mean "userId"?'),
        (entry(headers={"Webhook-Id": "1"}), "send[0].headers.Webhook-Id: is a header of the router's own"),
        (entry(headers={"X-A": "ä"}), "a header holds printable ASCII characters"),
        (entry(content="form", body={"a": {"b": 1}}), "send[0].body: is no form"),
        (entry(content="form", body=["a"]), "send[0].body: is no form"),
    ],
)
def test_mistakes_are_told_at_their_place(tmp_path: Path, templates: object, says: str) -> None:
    assert says in mistakes(tmp_path, templates)


def test_mistakes_in_a_file_name_it_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "crm.yaml").write_text('send:\n  - on: call.ended\n    body:\n      a: "{{userNam}}"\n')
    assert mistakes(tmp_path, {"there": "crm.yaml"}) == (
        f'{tmp_path}/crm.yaml:3: send[0].body: .a: unknown variable {{{{userNam}}}}; did you mean "userName"?'
    )
