"""What can be wrong with a database, told to people."""

from ari_app.domain.unavailable import UnavailableError


class StorageError(UnavailableError):
    """The database cannot be used; the text says why, `remedy` what to do."""
