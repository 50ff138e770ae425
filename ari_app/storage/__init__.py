"""The database: the call log now. Implements the protocols of `ari_app.domain`."""
