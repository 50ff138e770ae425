"""The shape of `asterisk.ami`, and what it means."""

import ssl
from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agi_router.document import ConfigError, Document, Problem, Section
from ari_app.asterisk.own_secret import OwnSecret
from ari_app.asterisk.settings import AmiSettings


def _one_line(given: str) -> str:
    if not given.isprintable():
        raise ValueError("holds a line's end or another control character; give it in one line")
    return given


class AmiSection(Section):
    """`asterisk.ami`."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    port: int = Field(default=5038, ge=1, le=65_535)
    username: Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
    secret: OwnSecret
    tls: bool = False
    ca_file: str | None = Field(default=None, min_length=1)
    ping_s: float = Field(default=10.0, ge=0.5, le=300)
    request_timeout_s: float = Field(default=5.0, ge=0.5, le=60)

    @model_validator(mode="after")
    def _in_private(self) -> Self:
        if not self.tls and not _is_this_machine(self.host):
            raise ValueError(
                f"{self.host} is another machine, and without tls everybody in between reads the secret: set tls: "
                "true, with tlsenable in manager.conf"
            )
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file is for tls, which is off")
        return self


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ami_settings(document: Document, section: AmiSection) -> AmiSettings:
    """What the section means. Raises ConfigError for a file of authorities that can't be used."""
    ca_file = None if section.ca_file is None else (document.directory / section.ca_file).absolute()
    if ca_file is not None:
        try:
            ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            at = document.position(("asterisk", "ami", "ca_file"))
            message = f"{ca_file} holds no certificates: {error.strerror or error}; name a file in PEM"
            raise ConfigError([Problem(at, "asterisk.ami.ca_file", message)]) from None
    return AmiSettings(
        host=section.host,
        port=section.port,
        username=section.username,
        secret=section.secret.get_secret_value(),
        tls=section.tls,
        ca_file=ca_file,
        ping_s=section.ping_s,
        request_timeout_s=section.request_timeout_s,
    )
