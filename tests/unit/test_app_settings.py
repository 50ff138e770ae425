"""The application's sections: what is taken, what is refused, and with which words."""

from pathlib import Path

import pytest

from agi_router.document import ConfigError
from agi_router.routing.click_to_dial import DEFAULT_REFUSE_WHEN, Unready
from ari_app.access.doorkeeper import DoorRules
from ari_app.access.forwarding import ProxyHeader
from ari_app.asterisk.settings import AmiSettings, AriSettings
from ari_app.doctor.configuration import warnings
from ari_app.logs import LogSettings
from ari_app.settings import Settings, load_settings
from ari_app.storage.settings import RetentionSettings

ARI = "asterisk: {ari: {username: router, password: 8f14e45f}}"
REGION = "defaults: {region: US}"


def load(folder: Path, *sections: str, ari: str = ARI, environment: dict[str, str] | None = None) -> Settings:
    file = folder / "agi-router.yaml"
    file.write_text("\n".join([ari, REGION, *sections]))
    return load_settings(file, environment or {})


def problem(folder: Path, *sections: str, ari: str = ARI) -> str:
    with pytest.raises(ConfigError) as refused:
        load(folder, *sections, ari=ari)
    [only] = refused.value.problems
    return f"{only.position.line}: {only.key}: {only.message}"


def test_what_is_not_given_has_a_default(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.asterisk.ari == AriSettings(url="http://127.0.0.1:8088", username="router", password="8f14e45f")
    assert settings.storage.path == Path("/var/lib/agi-router/agi-router.db")
    assert settings.control.socket == Path("/var/lib/agi-router/agi-router.db.sock")
    assert settings.log == LogSettings(level="info", format="console", mask_numbers=True)
    assert settings.calls.max_in_setup == 200
    assert settings.asterisk.takes_messages


def test_everything_can_be_given(tmp_path: Path) -> None:
    given = "{url: https://pbx:8089/ari/, username: r, password: 8f14e45f, app: desk, heartbeat_s: 3}"
    ari = f"asterisk: {{ari: {given}, messages: false}}"
    settings = load(
        tmp_path,
        "storage: {url: sqlite:////srv/calls.db}",
        "control: {socket: /run/agi/control.sock}",
        "log: {level: debug, format: json, mask_numbers: false}",
        "calls: {max_in_setup: 5}",
        ari=ari,
    )
    assert (settings.asterisk.ari.url, settings.asterisk.ari.app) == ("https://pbx:8089", "desk")
    assert not settings.asterisk.takes_messages
    assert settings.storage.path == Path("/srv/calls.db")
    assert settings.control.socket == Path("/run/agi/control.sock")
    assert settings.log == LogSettings(level="debug", format="json", mask_numbers=False)
    assert settings.calls.max_in_setup == 5


@pytest.mark.parametrize("url", ["sqlite:///state/calls.db", "state/calls.db"])
def test_relative_files_are_relative_to_the_configuration(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, f"storage: {{url: {url}}}", "control: {socket: state/c.sock}")
    assert settings.storage.path == tmp_path / "state/calls.db"
    assert settings.control.socket == tmp_path / "state/c.sock"


def test_the_password_can_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("9bf31c7f\n")
    from_file = load(tmp_path, ari="asterisk: {ari: {username: r, password_file: password}}")
    from_environment = load(
        tmp_path, ari='asterisk: {ari: {username: r, password: "${P}"}}', environment={"P": "45c48cce"}
    )
    assert from_file.asterisk.ari.password == "9bf31c7f"
    assert from_environment.asterisk.ari.password == "45c48cce"


def test_the_password_is_not_in_the_settings_text(tmp_path: Path) -> None:
    assert "8f14e45f" not in repr(load(tmp_path))


@pytest.mark.parametrize(
    "password", ["change-me", "CHANGEME", "password", "Secret", "asterisk", "your_password", "<password>", '""']
)
def test_a_placeholder_is_no_password(tmp_path: Path, password: str) -> None:
    said = problem(tmp_path, ari=f"asterisk: {{ari: {{username: router, password: {password}}}}}")
    assert said.startswith("1: asterisk.ari.password: is ")
    assert "openssl rand" in said


@pytest.mark.parametrize(
    ("auth", "key"),
    [
        ("{type: basic, username: u, password: your-password}", "password"),
        ("{type: bearer, token: your-token-here}", "token"),
        ("{type: api_key, name: X-Key, value: xxx}", "value"),
        (
            "{type: oauth2, token_url: 'https://api.example.com/t', client_id: i, client_secret: CHANGE_ME}",
            "client_secret",
        ),
        (
            "{type: oauth2, token_url: 'https://api.example.com/t', client_id: i, refresh_token: '<token>'}",
            "refresh_token",
        ),
    ],
)
def test_a_placeholder_is_no_secret_of_an_api(tmp_path: Path, auth: str, key: str) -> None:
    request = f"{{url: 'https://api.example.com', auth: {auth}}}"
    said = problem(tmp_path, f"routes: {{r: {{request: {request}, response: {{format: text, type: user}}}}}}")
    assert said.startswith(f"3: routes.r.request.auth.{key}: is the placeholder ")
    assert said.endswith("put in the one that the API has given you")


def test_the_web_believes_no_proxy_and_bounds_requests_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path).web is None
    web = load(tmp_path, "web: {}").web
    assert web is not None
    assert web.door == DoorRules(proxies=(), requests_per_minute=600, wrong_keys_per_minute=10)
    assert web.door.proxy_header is ProxyHeader.X_FORWARDED_FOR
    web = load(
        tmp_path,
        "web: {trusted_proxies: [10.0.0.5, '2001:db8::/64'], requests_per_minute: off, wrong_keys_per_minute: 3, "
        "proxy_header: Forwarded}",
    ).web
    assert web is not None
    assert web.door.proxy_header is ProxyHeader.FORWARDED
    assert list(map(str, web.door.proxies)) == ["10.0.0.5/32", "2001:db8::/64"]
    assert (web.door.requests_per_minute, web.door.wrong_keys_per_minute) == (None, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("trusted_proxies: [nginx]", '3: web.trusted_proxies[0]: "nginx" is not a network'),
        ("trusted_proxies: [10.0.0.1/8]", "write for example 10.0.0.0/8, or one address"),
        ("trusted_proxies: [0.0.0.0/0]", "is everybody, who could then claim any address"),
        ("proxy_header: X-Real-IP", "3: web.proxy_header"),
        ("requests_per_minute: 0", "3: web.requests_per_minute"),
        ("requests_per_minute: none", "write off for no limit"),
        ("wrong_keys_per_minute: 0", "3: web.wrong_keys_per_minute"),
    ],
)
def test_who_may_ask_is_not_configured_by_halves(tmp_path: Path, given: str, said: str) -> None:
    assert said in problem(tmp_path, f"web: {{{given}}}")


def test_an_empty_password_file_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert "is empty" in problem(tmp_path, ari="asterisk: {ari: {username: router, password_file: empty}}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ws://127.0.0.1:8088", "is no http or https address"),
        ("127.0.0.1:8088", "is no http or https address"),
        ("http://127.0.0.1:99999", "is no http or https address"),
        ("http://", "is no http or https address"),
        ("http://router:pa55@127.0.0.1:8088", "holds a user or a password"),
        ("http://127.0.0.1:8088/?api_key=x", "ends after the path"),
    ],
)
def test_an_address_that_is_none_of_asterisk_s_is_refused(tmp_path: Path, url: str, said: str) -> None:
    assert said in problem(tmp_path, ari=f'asterisk: {{ari: {{url: "{url}", username: r, password: 8f14e45f}}}}')


def test_an_unknown_key_names_its_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    assert problem(tmp_path, "storag: {}") == '3: storag: unknown key; did you mean "storage"?'


def test_a_url_that_names_no_database_is_refused(tmp_path: Path) -> None:
    said = problem(tmp_path, "storage: {url: mysql://db/calls}")
    assert said.startswith("3: storage.url: names neither an SQLite file nor a PostgreSQL database")


def test_a_database_on_a_server_leaves_socket_and_key_in_a_folder_of_this_host(tmp_path: Path) -> None:
    url = "url: 'postgresql://router:${PASSWORD}@db/calls'"
    secret = {"PASSWORD": "9bf31c7f"}
    settings = load(tmp_path, f"storage: {{{url}}}", environment=secret)
    assert settings.storage.url == "postgresql://router:9bf31c7f@db/calls"
    assert settings.control.socket == Path("/var/lib/agi-router/calls.sock")
    assert "9bf31c7f" not in repr(settings)
    settings = load(tmp_path, f"storage: {{{url}, folder: state}}", environment=secret)
    assert settings.control.socket == tmp_path / "state" / "calls.sock"
    assert settings.storage.beside(".key") == tmp_path / "state" / "calls.key"


def test_the_history_is_kept_for_ever_unless_its_days_are_counted(tmp_path: Path) -> None:
    assert load(tmp_path).retention == RetentionSettings(None, None)
    kept = load(tmp_path, "storage: {keep_days: 365, mask_numbers_after_days: 90}").retention
    assert kept == RetentionSettings(365, 90)
    said = problem(tmp_path, "storage: {keep_days: 90, mask_numbers_after_days: 90}")
    assert "would never be masked" in said


def test_a_folder_beside_an_sqlite_file_is_refused(tmp_path: Path) -> None:
    assert "stands beside it" in problem(tmp_path, "storage: {url: calls.db, folder: /srv}")


def test_a_socket_with_too_long_a_name_is_refused_at_load(tmp_path: Path) -> None:
    assert "longer than the 107 bytes" in problem(tmp_path, f"control: {{socket: /run/{'x' * 120}}}")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, "log: {level: loud}", "calls: {max_in_setup: 0}", "routs: {}")
    assert [problem.position.line for problem in refused.value.problems] == [3, 4, 5]


def ami(section: str) -> str:
    return f"asterisk: {{ari: {{username: router, password: 8f14e45f}}, ami: {{{section}}}}}"


def test_the_link_to_ami_is_there_only_when_it_is_wanted(tmp_path: Path) -> None:
    assert load(tmp_path).asterisk.ami is None
    assert load(tmp_path, ari=ami("username: router, secret: 8f14e45f")).asterisk.ami == AmiSettings(
        host="127.0.0.1", port=5038, username="router", secret="8f14e45f"
    )


def test_ami_is_reached_on_another_machine_by_tls_only(tmp_path: Path) -> None:
    user = "username: router, secret: 8f14e45f"
    assert "everybody in between reads the secret" in problem(tmp_path, ari=ami(f"host: 192.0.2.1, {user}"))
    for here in ("localhost", '"::1"', "127.9.9.9"):
        assert load(tmp_path, ari=ami(f"host: {here}, {user}")).asterisk.ami is not None
    reached = load(tmp_path, ari=ami(f"host: pbx.example.com, port: 5039, tls: true, {user}")).asterisk.ami
    assert reached is not None
    assert reached.tls


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("username: router, secret: changeme", "asterisk.ami.secret: is the placeholder"),
        ('username: "a\\nAction: Originate", secret: 8f14e45f', "asterisk.ami.username: holds a line's end"),
        ("username: r, secret: 8f14e45f, ca_file: ca.pem", "ca_file is for tls, which is off"),
        ("username: r, secret: 8f14e45f, tls: true, ca_file: ca.pem", "asterisk.ami.ca_file: "),
        ("username: r, secret: 8f14e45f, events: on", "asterisk.ami.events: unknown key"),
    ],
)
def test_what_ami_can_not_be_reached_with_is_refused(tmp_path: Path, section: str, said: str) -> None:
    assert said in problem(tmp_path, ari=ami(section))


def test_the_secret_of_ami_is_not_in_the_settings_text(tmp_path: Path) -> None:
    assert "8f14e45f" not in repr(load(tmp_path, ari=ami("username: router, secret: 8f14e45f")))


def test_calls_are_refused_for_agents_as_it_is_wanted(tmp_path: Path) -> None:
    assert load(tmp_path).routing.click_to_dial.refuse_when == DEFAULT_REFUSE_WHEN
    wanted = load(tmp_path, "click_to_dial: {refuse_when: [dnd, paused]}").routing.click_to_dial
    assert wanted.refuse_when == {Unready.DND, Unready.PAUSED}
    assert load(tmp_path, "click_to_dial: {refuse_when: []}").routing.click_to_dial.refuse_when == frozenset()
    assert "refuse_when" in problem(tmp_path, "click_to_dial: {refuse_when: [lunch]}")


@pytest.mark.parametrize(
    ("named", "queue"), [("support", "support-queue"), ("support-queue", "support-queue"), ("other", "other"), ("", "")]
)
def test_a_campaign_names_a_queue_as_asterisk_does_or_by_its_id(tmp_path: Path, named: str, queue: str) -> None:
    directory = "directory: {queues: [{id: support, name: support-queue}, {id: other-id, name: other}]}"
    campaign = f"campaigns: [{{id: '12'{f', queue: {named}' if named else ''}}}]"
    (found,) = load(tmp_path, directory, campaign).routing.campaigns
    assert found.queue == queue


def test_a_queue_s_own_name_comes_before_the_id_of_another(tmp_path: Path) -> None:
    directory = "directory: {queues: [{id: sales, name: support}, {id: support, name: support-queue}]}"
    (found,) = load(tmp_path, directory, "campaigns: [{id: '12', queue: support}]").routing.campaigns
    assert found.queue == "support"


def test_a_campaign_s_queue_without_a_link_to_ami_is_warned_of(tmp_path: Path) -> None:
    campaign = "campaigns: [{id: '12', queue: sales-queue}]"
    (warning,) = [told for told in warnings(load(tmp_path, campaign)) if "asterisk.ami" in told]
    assert warning.startswith("campaigns: 12 has a queue")
    linked = load(tmp_path, campaign, ari=ami("username: router, secret: 8f14e45f"))
    assert not [told for told in warnings(linked) if "asterisk.ami" in told]
