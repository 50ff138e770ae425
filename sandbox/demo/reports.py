"""What a part of the demo tells of itself: one JSON object per line on its standard output."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Literal

What = Literal["ready", "asked", "rings", "answered", "hears_caller", "ended"]


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that a part saw.

    `detail` is for `asked` the number that the CRM was asked for, for `rings` the caller's, for `ended` the Reason
    header of the CANCEL or BYE.
    """

    what: What
    detail: str = ""


def tell(report: Report) -> None:
    """Report to whoever started this process."""
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    sys.stdout.flush()


def read(line: bytes) -> Report:
    """The report in this line."""
    return Report(**json.loads(line))
