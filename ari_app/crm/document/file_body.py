"""Bodies with a file inside, read in blocks while they are sent: a recording need not fit into memory."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from ari_app.domain.crm import Upload

BLOCK: Final = 3 * 65_536
"""Bytes that are read at a time: a multiple of three, so that blocks of base64 join without a seam."""


@dataclass(frozen=True, slots=True)
class FileBody:
    """A body: `head`, the file, `tail`; with `is_base64` the file is written so."""

    head: bytes
    path: Path
    tail: bytes
    is_base64: bool = False

    def length(self, file_size: int) -> int:
        """How many bytes the body has when the file has so many."""
        return len(self.head) + (4 * -(-file_size // 3) if self.is_base64 else file_size) + len(self.tail)

    def blocks(self) -> Iterator[bytes]:
        """The bytes in their order; opens the file before the first of them, and raises OSError."""
        with self.path.open("rb") as file:
            yield self.head
            while block := file.read(BLOCK):
                yield b64encode(block) if self.is_base64 else block
        yield self.tail


def multipart(fields: list[tuple[str, str]], file_part: str, file: Upload | None) -> tuple[bytes | FileBody, str]:
    """A body of multipart/form-data (RFC 7578) and its type; the file stands behind the fields."""
    boundary = uuid4().hex
    head = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_name(name)}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    )
    end = f"--{boundary}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={boundary}"
    if file is None:
        return head + end, content_type
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_name(file_part)}"; '
        f'filename="{_name(file.file_name)}"\r\nContent-Type: {media_type(file)}\r\n\r\n'
    ).encode()
    return FileBody(head, file.path, b"\r\n" + end), content_type


def _name(text: str) -> str:
    """Escaped as browsers do it (the encoding of multipart/form-data in HTML), and without control characters."""
    escaped = text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(character for character in escaped if character.isprintable())


def media_type(file: Upload) -> str:
    """What the file is, fit for a header."""
    text = file.media_type
    return text if text.isascii() and text.isprintable() and "/" in text else "application/octet-stream"
