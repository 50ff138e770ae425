"""The tests of the command, a file per subcommand."""

ANSWERED, LOST = "20260301T093000-9f3a2c1b77aa", "20260301T093100-aa00bb11cc22"
"""The calls that `calls_on_record` puts there."""
