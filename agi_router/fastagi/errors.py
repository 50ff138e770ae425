"""What can go wrong at the AGI door.

AgiError
+-- HangUpError       nobody is there to answer any more
+-- CommandError      Asterisk refused a command, or it can't be sent
DoorError             the door can't be opened
"""


class AgiError(Exception):
    """A session can't go on as it was meant to."""


class HangUpError(AgiError):
    """The channel was hung up, the peer has gone, or it keeps to no rule. The session is over."""


class CommandError(AgiError):
    """A command was refused by Asterisk, or is longer than Asterisk reads. The session goes on."""


class DoorError(Exception):
    """The door can't be opened; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
