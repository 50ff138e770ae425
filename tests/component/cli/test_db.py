"""`agi-router db`: the database of this version."""

from tests.command import Command


async def test_the_database_is_upgraded_and_told(command: Command) -> None:
    missing, upgraded = await command("db", "current"), await command("db", "upgrade")
    assert (missing.status, upgraded.status) == (1, 0)
    assert "from an empty database to revision" in upgraded.out
    assert "is up to date" in (await command("db", "upgrade")).out
    stands = (await command("db", "current", "--json")).json
    assert stands["current"] == stands["head"]
