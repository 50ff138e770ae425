"""The database: the call log, and the last good answer for each caller. Implements protocols of inner layers."""
