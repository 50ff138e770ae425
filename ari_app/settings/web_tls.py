"""The certificate of a listener of the REST API: two files in PEM, and what keeps them from being used."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate, followed in its file by those between it and the authority, and its private key."""

    certificate: Path
    key: Path


class TlsFilesError(OSError):
    """They can't be used. `file` is the one that is to blame."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file} {why}")
        self.file = file


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """For a server that speaks TLS 1.2 and later. Raises TlsFilesError."""
    for file in (files.certificate, files.key):
        _read(file)
    if b"ENCRYPTED" in _read(files.key):  # OpenSSL would ask for the passphrase on the terminal
        raise TlsFilesError(
            files.key, "is protected by a passphrase; write it without one: openssl pkey -in FILE -out NEW"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFilesError(files.key, f"is not the key of the certificate {files.certificate}") from None
        holds_one = b"-----BEGIN CERTIFICATE-----" in _read(files.certificate)
        file, what = (files.key, "private key") if holds_one else (files.certificate, "certificate")
        raise TlsFilesError(file, f"holds no {what} that OpenSSL can use; it has to be in PEM") from None
    return context


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TlsFilesError(
            file, f"cannot be read: {error.strerror or error}; check its name, and the rights of the router's user"
        ) from None
