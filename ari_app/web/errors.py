"""What keeps the web from being served. It needs no web framework: the command tells it also where none is imported."""


class WebError(Exception):
    """The web cannot be served; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
