"""The one sanitiser: texts from outside, before they go into a line of any protocol (AGI, AMI, SIP, a log)."""


def printable(text: str) -> str:
    """The text with a blank for whatever could end or steer a line, and as long as it was.

    That is all of CR, LF, NUL and the other control characters, line separators, marks of the writing direction,
    and lone surrogates, which no encoding holds.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def one_line(text: str) -> str:
    """The same, for people to read: runs of blanks become one, and none is left at the ends."""
    return " ".join(printable(text).split())
