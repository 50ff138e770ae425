"""Who is in the database at the start: people and a company, with numbers as people write them, and users."""

from typing import Final

from sandbox.tryton.records import Records

# The user as whom the router asks. Like Ada and Bob he is no administrator: he may do what every user may.
CONNECTOR: Final = "router"
CONNECTOR_PASSWORD: Final = "router-secret"  # noqa: S105 - of a database that lives as long as its test
CONNECTOR_KEY: Final = "router-key-of-the-sandbox"  # the same user, for Tryton's REST API

UNASSIGNED: Final = "Calls without a contact"
COMPANIES: Final = "Company"

GRACE: Final = "Grace Hopper"
ALAN: Final = "Alan Turing"
KONRAD: Final = "Konrad Zuse"
HEDY: Final = "Hedy Lamarr"
JEAN: Final = "Jean Bartik"
KAY: Final = "Kay McNulty"
ENIAC: Final = "Eniac Inc."

GRACES_NUMBER: Final = "+14155550177"
ALANS_NUMBER: Final = "+442079460018"
KONRADS_NUMBER: Final = "+493023125000"  # he wrote "030 / 23 12 50 00"; his address tells the country
HEDYS_NUMBER: Final = "+14155550166"  # "(415) 555-0166", of no type that Tryton reads as a telephone number
SHARED_NUMBER: Final = "+14155550188"  # Jean's, Kay's, and that of the company


async def sow(records: Records) -> None:
    """Fill a database that was just made."""
    await _users(records)
    germany = await records.create("country.country", name="Germany", code="DE")
    company = await records.create("party.category", name=COMPANIES)
    await records.create("party.party", name=UNASSIGNED)
    await _party(records, GRACE, ("phone", "+1 415 555 0177"), ("email", "grace@example.org"))
    await _party(records, ALAN, ("mobile", "+44 (0)20 7946 0018"), ("phone", "+44 20 7946 0019"))
    konrad = await _party(records, KONRAD, addresses=_all({"country": germany}))
    await records.create("party.contact_mechanism", party=konrad, type="phone", value="030 / 23 12 50 00")
    await _party(records, HEDY, ("other", "(415) 555-0166"))
    await _party(records, JEAN, ("phone", "+1-415-555-0188"), ("email", "jean@example.org"))
    await _party(records, KAY, ("phone", "+1 (415) 555-0188"))
    await _party(records, ENIAC, ("phone", "+1.415.555.0188"), categories=[["add", [company]]])


async def _users(records: Records) -> None:
    for login in ("ada", "bob"):
        name = login.title()
        await records.create("res.user", name=name, login=login, email=f"{login}@example.com")
    user = await records.create("res.user", name="Telephone", login=CONNECTOR, password=CONNECTOR_PASSWORD)
    await records.create("res.user.application", user=user, application="rest", key=CONNECTOR_KEY)


async def _party(records: Records, name: str, *mechanisms: tuple[str, str], **values: object) -> int:
    ways = [{"type": kind, "value": value} for kind, value in mechanisms]
    return await records.create("party.party", name=name, contact_mechanisms=_all(*ways), **values)


def _all(*values: object) -> object:
    """Records to be created inside of another one."""
    return [["create", values]]
