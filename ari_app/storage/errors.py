"""What can be wrong with a database, told to people."""


class StorageError(Exception):
    """The database cannot be used; the text says why, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
