"""What `web` may say, and what is told where it says something else."""

from pathlib import Path

import pytest
import trustme

from agi_router.document import ConfigError
from ari_app.doctor.configuration import warnings
from ari_app.settings import Settings, load_settings
from ari_app.settings.faces_section import VoiplineSettings
from ari_app.settings.web_section import Listener
from ari_app.settings.web_tls import TlsFiles

REST = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
defaults: {region: US}
network: {allowed_networks: [127.0.0.0/8]}
routes: {sales: {request: {url: "http://127.0.0.1:9/"}, response: {format: text, type: user}}}
"""


def load(folder: Path, web: str) -> Settings:
    path = folder / "router.yaml"
    path.write_text(f"{REST}web: {web}\n")
    return load_settings(path)


def told(folder: Path, web: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(folder, web)
    return "\n".join(str(problem).removeprefix(f"{folder}/router.yaml:") for problem in error.value.problems)


@pytest.fixture(scope="module")
def issued() -> trustme.LeafCert:
    return trustme.CA().issue_cert("pbx.example.com")


def write(folder: Path, issued: trustme.LeafCert) -> None:
    (folder / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())


TLS = '{listen: ["127.0.0.1:8090", {address: "192.0.2.1:8443", tls: {certificate_file: cert.pem, key_file: key.pem}}]}'


def test_it_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    web = load(tmp_path, "{}").web
    assert web is not None
    assert web.listen == (Listener("127.0.0.1", 8090),)
    assert (web.origins, web.max_connections, web.open_metrics) == ((), 500, False)


def test_a_listener_may_have_a_certificate_beside_the_file_of_the_configuration(
    tmp_path: Path, issued: trustme.LeafCert
) -> None:
    write(tmp_path, issued)
    web = load(tmp_path, TLS).web
    assert web is not None
    files = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert web.listen == (Listener("127.0.0.1", 8090), Listener("192.0.2.1", 8443, files))


def test_a_file_that_is_not_there_is_named(tmp_path: Path, issued: trustme.LeafCert) -> None:
    write(tmp_path, issued)
    (tmp_path / "key.pem").unlink()
    assert told(tmp_path, TLS) == (
        f"5: web.listen[1].tls.key_file: {tmp_path}/key.pem cannot be read: No such file or directory; "
        "check its name, and the rights of the router's user"
    )


def test_the_key_of_another_certificate_is_told(tmp_path: Path, issued: trustme.LeafCert) -> None:
    write(tmp_path, issued)
    other = trustme.CA().issue_cert("other.example.com")
    (tmp_path / "key.pem").write_bytes(other.private_key_pem.bytes())
    assert "is not the key of the certificate" in told(tmp_path, TLS)


@pytest.mark.parametrize(
    ("name", "holds", "message"),
    [
        (
            "cert.pem",
            "nothing",
            "web.listen[1].tls.certificate_file: {}/cert.pem holds no certificate that OpenSSL can",
        ),
        ("key.pem", "nothing", "web.listen[1].tls.key_file: {}/key.pem holds no private key that OpenSSL can use"),
        ("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----", "key.pem is protected by a passphrase; write it without"),
    ],
)
def test_what_a_file_lacks_is_told(
    tmp_path: Path, issued: trustme.LeafCert, name: str, holds: str, message: str
) -> None:
    write(tmp_path, issued)
    (tmp_path / name).write_text(holds)
    assert message.format(tmp_path) in told(tmp_path, TLS)


@pytest.mark.parametrize(
    ("web", "message"),
    [
        ("{listen: [localhost]}", "web.listen[0]: is no IP address with a port; write it as"),
        ('{listen: ["127.0.0.1:0"]}', "web.listen[0]: is no IP address with a port"),
        ('{listen: ["[::1]", "[0::1]:8090"]}', "web.listen[1]: [::1]:8090 is named before; take one of the two away"),
        ('{listen: [{address: "127.0.0.1", tls: {certificate_file: c}}]}', "web.listen[0].tls.key_file: is missing"),
        ('{listen: [{adress: "127.0.0.1"}]}', 'web.listen[0].adress: unknown key; did you mean "address"'),
        ('{cors: {origins: ["*"]}}', "web.cors.origins[0]: would let every page on the web call the API"),
        ('{cors: {origins: ["null"]}}', "web.cors.origins[0]: is no origin; write it as the browser sends it"),
        ('{cors: {origins: ["https://crm.example.com/"]}}', "web.cors.origins[0]: is no origin"),
        ('{cors: {origins: ["https://CRM.example.com"]}}', "web.cors.origins[0]: is no origin"),
        ('{cors: {origins: ["https://ada@crm.example.com"]}}', "web.cors.origins[0]: is no origin"),
        ("{max_connections: 3}", "web.max_connections: must be at least 10, not 3"),
        ("{metrics: public}", 'web.metrics: "public" does not exist'),
        ("{faces: {voiplines: {}}}", 'web.faces.voiplines: unknown key; did you mean "voipline"'),
        ("{faces: {voipline: {queries_per_15_minutes: 0}}}", "web.faces.voipline.queries_per_15_minutes: must be at"),
        ("{faces: {aircall: {user: 1}}}", "web.faces.aircall.user: unknown key"),
        ("{faces: {ameyo: {requesting_hosts: []}}}", "web.faces.ameyo.requesting_hosts: is empty; name one, or take"),
    ],
)
def test_a_mistake_is_told_by_its_key(tmp_path: Path, web: str, message: str) -> None:
    assert message in told(tmp_path, web)


def test_the_default_port_of_an_origin_is_left_out_as_browsers_do(tmp_path: Path) -> None:
    web = load(tmp_path, '{cors: {origins: ["https://crm.example.com:443", "http://crm.example.com:8080"]}}').web
    assert web is not None
    assert web.origins == ("https://crm.example.com", "http://crm.example.com:8080")


def test_keys_in_the_clear_are_warned_of(tmp_path: Path) -> None:
    found = [each for each in warnings(load(tmp_path, '{listen: ["192.0.2.1"]}')) if each.startswith("web.")]
    assert found == [
        "web.listen: on 192.0.2.1:8090 API keys and numbers cross the network in the clear; give it tls, or "
        "listen on 127.0.0.1 behind a proxy that speaks HTTPS"
    ]


@pytest.mark.parametrize(
    ("faces", "voipline", "aircall"),
    [
        ("{}", None, False),
        ("{voipline: {}}", VoiplineSettings(queries_per_15_minutes=100), False),
        ("{voipline: , aircall: }", VoiplineSettings(queries_per_15_minutes=100), True),
        ("{voipline: {queries_per_15_minutes: off}, aircall: {}}", VoiplineSettings(queries_per_15_minutes=None), True),
    ],
)
def test_faces_are_there_that_are_named(
    tmp_path: Path, faces: str, voipline: VoiplineSettings | None, aircall: bool
) -> None:
    web = load(tmp_path, f"{{faces: {faces}}}").web
    assert web is not None
    assert (web.faces.voipline, web.faces.aircall) == (voipline, aircall)


def test_commands_that_name_campaigns_are_warned_of_where_there_is_none(tmp_path: Path) -> None:
    def found(more: str) -> list[str]:
        settings = load(tmp_path, "{faces: {ameyo: {}}}\n" + more)
        return [each for each in warnings(settings) if each.startswith("web.faces")]

    none = "web.faces.ameyo: each command is refused, for campaigns has no outbound one; add those that the CRM names"
    assert found("") == [none]
    assert found('campaigns: [{id: "12", direction: inbound}]') == [none]
    assert found('campaigns: [{id: "12"}]') == []


@pytest.mark.parametrize(
    ("web", "url"),
    [
        ("{}", "http://127.0.0.1:8090"),
        ('{listen: ["[::1]:8091", "127.0.0.1:8090"]}', "http://[::1]:8091"),
        ('{public_url: "https://pbx.example.com"}', "https://pbx.example.com"),
        ('{public_url: "https://pbx.example.com:8443/phone/"}', "https://pbx.example.com:8443/phone"),
    ],
)
def test_links_for_people_lead_to_where_they_reach_us(tmp_path: Path, web: str, url: str) -> None:
    settings = load(tmp_path, web).web
    assert settings is not None
    assert settings.public_url == url


def test_links_lead_to_https_where_that_is_spoken(tmp_path: Path, issued: trustme.LeafCert) -> None:
    write(tmp_path, issued)
    listen = '{listen: [{address: "192.0.2.1:8443", tls: {certificate_file: cert.pem, key_file: key.pem}}]}'
    settings = load(tmp_path, listen).web
    assert settings is not None
    assert settings.public_url == "https://192.0.2.1:8443"


@pytest.mark.parametrize(
    "url",
    [
        "pbx.example.com",
        "ftp://pbx.example.com",
        "https://",
        "https://me@pbx.example.com",
        "https://pbx.example.com/?a=b",
        "https://pbx.example.com/#a",
        "https://pbx.example.com/a b",
        "https://pbx.example.com:0",
        "https://pbx.example.com:99999",
    ],
)
def test_where_people_reach_us_is_an_address_of_the_web(tmp_path: Path, url: str) -> None:
    assert "web.public_url" in told(tmp_path, f'{{public_url: "{url}"}}')
