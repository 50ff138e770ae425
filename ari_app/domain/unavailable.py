"""What is told of something that the router needs and that fails, to those who do not know what it is."""


class UnavailableError(Exception):
    """It cannot be used right now; the text says why, `remedy` what to do. Both are for who runs the router."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
