"""What CRMs tell of where calls belong: who their users are, and whose contacts callers are."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ari_app.app.memory import Memory
from ari_app.crm.connector import Connector
from ari_app.crm.connectors import Connectors
from ari_app.crm.finding import Finding, FormTally
from ari_app.crm.overhearing import Overheard
from ari_app.crm.owners import Owners, Searched
from ari_app.crm.settings import FindSettings, UnknownNumbers
from ari_app.crm.user_map import CrmUserMap
from ari_app.crm.users import UserReading
from ari_app.domain.contacts import PhoneBook
from ari_app.domain.crm import Crm
from ari_app.live.crm_users import CrmUserDesk
from ari_app.settings import Settings
from ari_app.storage.crm_users import StoredCrmUsers


@dataclass(frozen=True, slots=True)
class CrmRouting:
    """It is there before the first router, and outlives those of reloads; `searched` comes with the connectors."""

    users: CrmUserMap
    owners: Owners
    searched: dict[str, Searched]

    @classmethod
    def of(cls, settings: Settings) -> "CrmRouting":
        """Of this configuration, no CRM being connected yet."""
        users, searched = CrmUserMap(), dict[str, Searched]()
        routing = cls(users, Owners(searched.get), searched)
        routing.know(settings)
        return routing

    def know(self, settings: Settings) -> None:
        """The directory of this configuration. Its connectors are those of the start: others need a restart."""
        names = [connector.name for connector in settings.crm.connectors]
        self.users.know(settings.routing.users, settings.routing.policy.region, names)

    def connect(self, connectors: Mapping[str, Connector], phone_book: PhoneBook, tally: FormTally) -> None:
        """Have these asked from now on: by one finder each for routes and for the records of calls."""
        for name, connector in connectors.items():
            self.searched[name] = searched_by(connector, connector.settings.find, phone_book, tally)


def searched_by(crm: Crm, find: FindSettings, phone_book: PhoneBook, tally: FormTally) -> Searched:
    """This CRM as it is asked for contacts."""
    heard = Overheard(crm)
    changes_nothing = replace(find, unknown=UnknownNumbers.IGNORE)
    return Searched(
        finder=Finding(heard, find, phone_book=phone_book, tally=tally),
        trial_finder=Finding(heard, changes_nothing, phone_book=phone_book, tally=tally),
        heard=heard,
    )


@asynccontextmanager
async def reading_users(routing: CrmRouting, connectors: Connectors, memory: Memory) -> AsyncIterator[CrmUserDesk]:
    """At once and in their times, until the block ends; those that were kept are known when it begins."""
    async with UserReading(StoredCrmUsers(memory.database), routing.users) as reading:
        every_s: Mapping[str, float | None] = {
            name: connector.settings.users_every_s for name, connector in connectors.items()
        }
        await reading.take(connectors, every_s)
        connectors.followers.append(reading.hasten)
        yield CrmUserDesk(reading, tuple(connectors))
