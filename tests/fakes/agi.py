"""Asterisk as the AGI door sees it: a channel that asks, keeps variables, and answers commands."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

HEADER = """\
agi_network: yes
agi_network_script: {script}
agi_request: agi://127.0.0.1:{port}/{script}
agi_channel: PJSIP/carrier-00000001
agi_language: en
agi_type: PJSIP
agi_uniqueid: 1700000000.1
agi_version: 22.10.1
agi_callerid: {caller}
agi_calleridname: {caller_name}
agi_callingpres: 0
agi_callingani2: 0
agi_callington: 0
agi_callingtns: 0
agi_dnid: 14155550100
agi_rdnis: unknown
agi_context: from-carrier
agi_extension: {called}
agi_priority: 2
agi_enhanced: 0.0
agi_accountcode:
agi_threadid: 140000000000000
"""
ARRAY = re.compile(r"ARRAY\((.*)\)")

WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def header(
    port: int,
    script: str,
    *arguments: str,
    caller: str = "+14155550177",
    caller_name: str = "Grace",
    called: str = "+14155550100",
) -> bytes:
    """What Asterisk sends first."""
    block = HEADER.format(port=port, script=script, caller=caller, caller_name=caller_name, called=called)
    block += "".join(f"agi_arg_{number}: {argument}\n" for number, argument in enumerate(arguments, 1))
    return f"{block}\n".encode()


@dataclass
class AgiChannel:
    """The other end of one AGI call."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    variables: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    @classmethod
    async def connect(cls, port: int, local: str = "127.0.0.1") -> Self:
        """Only the connection, from this address: nothing is said yet."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0)))

    @classmethod
    async def ask(cls, port: int, script: str, *arguments: str, **known: str) -> Self:
        """AGI(agi://127.0.0.1:port/script,arguments...)."""
        channel = await cls.connect(port)
        channel.say(header(port, script, *arguments, **known))
        return channel

    def say(self, data: bytes) -> None:
        """Send these bytes."""
        self.writer.write(data)

    async def command(self) -> str:
        """The next command; "" when the door has closed."""
        line = b""
        with suppress(ConnectionError):
            line = await self.reader.readline()
        if not line:
            self.writer.close()
        return line.decode().removesuffix("\n")

    async def carry_out(self) -> None:
        """Answer every command as Asterisk does, until the door closes."""
        while line := await self.command():
            self.commands.append(line)
            self.say(self.answer(words(line)).encode())

    def answer(self, words: list[str]) -> str:
        """What Asterisk says to the command of these words."""
        match words:
            case ["SET", "VARIABLE", name, value] if array := ARRAY.fullmatch(name):
                names = array[1].split(",")
                assert len(names) < 100, "Asterisk leaves out what is past the 99th"
                self.variables |= dict(zip(names, _items(value), strict=True))
                return "200 result=1\n"
            case ["SET", "VARIABLE", name, value]:
                self.variables[name] = value
                return "200 result=1\n"
            case ["GET", "VARIABLE", name]:
                return f"200 result=1 ({self.variables[name]})\n" if name in self.variables else "200 result=0\n"
            case ["GET", "FULL", "VARIABLE", expression]:
                return f"200 result=1 ({self.expressions.get(expression, '')})\n"
            case ["VERBOSE", _, _]:
                return "200 result=1\n"
        return "510 Invalid or unknown command\n"


def words(command: str) -> list[str]:
    """The words of a command, as Asterisk takes it apart."""
    return [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in WORD.findall(command)]


def _items(text: str) -> list[str]:
    """The comma separated items, as Asterisk takes a value of ARRAY() apart; what would need a backslash has none."""
    assert not re.search(r'(?<!\\)(\\\\)*["()\[\]]', text), f"{text!r} has something that steers"
    return [re.sub(r"\\(.)", r"\1", item) for item in re.findall(r"(?:^|,)((?:[^,\\]|\\.)*)", text)]
