"""Ids of calls as VoIPline writes them: digits alone, as programs may keep them in columns of digits.

Its own are those of Asterisk without the point: 1604559619.18 is 160455961918. So are those here of calls that only
Asterisk's own record tells of. A call of the router has its moment and its random bits, 29 digits altogether.
"""

import re
from typing import Final

_OURS: Final = re.compile(r"(\d{8})T(\d{6})-([0-9a-f]{12})")
_OURS_IN_DIGITS: Final = re.compile(r"(\d{8})(\d{6})(\d{15})")
_ASTERISKS: Final = re.compile(r"pbx-(\d{10})\.(0|[1-9]\d{0,9})")
_ASTERISKS_IN_DIGITS: Final = re.compile(r"(\d{10})(0|[1-9]\d{0,9})")
_RANDOM_BITS: Final = 48


def in_digits(call_id: str) -> str:
    """Such as 20261121012233175072196917162. The id itself of an Asterisk with a system name."""
    if ours := _OURS.fullmatch(call_id):
        return f"{ours[1]}{ours[2]}{int(ours[3], 16):015}"
    if asterisks := _ASTERISKS.fullmatch(call_id):
        return asterisks[1] + asterisks[2]
    return call_id


def of_digits(given: str) -> str:
    """The call's id; what has another form is one already, or that of no call."""
    if (ours := _OURS_IN_DIGITS.fullmatch(given)) and int(ours[3]) < 1 << _RANDOM_BITS:
        return f"{ours[1]}T{ours[2]}-{int(ours[3]):012x}"
    if asterisks := _ASTERISKS_IN_DIGITS.fullmatch(given):
        return f"pbx-{asterisks[1]}.{asterisks[2]}"
    return given
