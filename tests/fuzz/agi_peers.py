"""What peers say at the AGI door: the seeds, and what a random generator makes of them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzz.answers import TEXTS

SEEDS = Path(__file__).with_name("agi_seeds")
SAID = (
    b"HANGUP\n", b"\n", b"\n\n", b"\r\n", b"\0", b"\xff", b"200 result=1\n", b"200 result=1 (", b")\n", b"200 result=",
    b"200 ", b"100 Trying\n", b"520-", b"520 \n", b"510 no\n", b"511 dead\n", b"-1", b"(", b")", b"=", b": ",
    b"agi_arg_1: ", b"agi_network_script: ", b"agi_", b"a" * 9000, b"200 result=1 (x)\n" * 150, b"=(" * 2000,
    "\u241e".encode(), b"  ",
)  # fmt: skip


def peers(random: Random, rounds: int) -> Iterator[bytes]:
    """All that one peer says, its header first: the seeds as they are, then as many others."""
    known = [file.read_bytes() for file in sorted(SEEDS.iterdir())]
    yield from known
    for _ in range(rounds):
        said = random.choice(known)
        for _ in range(random.randint(1, 4)):
            said = _changed(random, said, known)
        yield said


def _changed(random: Random, said: bytes, known: list[bytes]) -> bytes:
    at, until = sorted((random.randint(0, len(said)), random.randint(0, len(said))))
    match random.randint(0, 5):
        case 0:
            return said[:at] + said[until:]
        case 1:
            return said[:at] + random.choice(SAID) + said[at:]
        case 2:
            return said[:at] + random.choice(TEXTS).encode("utf-8", "surrogatepass") + said[at:]
        case 3:
            return said[:at] + random.randbytes(random.randint(1, 8)) + said[at:]
        case 4:
            return said[:until] + said[at:]
        case _:
            return said[:at] + random.choice(known)[at:]
