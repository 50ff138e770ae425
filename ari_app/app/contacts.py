"""Whose number it is, on calls: the CRMs of the configuration, composed with the phone book and what was counted."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from agi_router.decide import RoutingSettings
from ari_app.app.memory import Memory
from ari_app.calls.contacts import AskedCrm, ContactSearch
from ari_app.crm.connector import Connector
from ari_app.crm.connectors import Connectors
from ari_app.crm.owners import Searched
from ari_app.domain.call_log import CallWriter
from ari_app.domain.crm import HookName
from ari_app.live.contact_choice import ContactChoice
from ari_app.live.feed import Feed
from ari_app.live.numbers_outside import NumbersOutside
from ari_app.storage.phone_book_reader import StoredPhoneBook

_KNOWS_CONTACTS = frozenset({HookName.FIND_CONTACT, HookName.CONTACTS, HookName.ORGANIZATIONS})


class CrmsOfCalls:
    """Implements `ari_app.calls.contacts.AskedCrms`."""

    def __init__(self, connectors: Connectors, searched: Mapping[str, Searched], routing: RoutingSettings) -> None:
        """`searched` are the connectors as they are asked for contacts: by routes, too."""
        self._crms = tuple(_asked(each, searched) for each in connectors.values() if _is_asked(each))
        self._outside = NumbersOutside.of(routing)

    def know(self, routing: RoutingSettings) -> None:
        """Our own numbers by another configuration."""
        self._outside = NumbersOutside.of(routing)

    def of_a_call(self) -> Sequence[AskedCrm]:
        """See the protocol."""
        return self._crms

    def outside(self, number: str) -> str | None:
        """See the protocol."""
        return self._outside.e164(number)


@asynccontextmanager
async def finding_contacts(crms: CrmsOfCalls, memory: Memory, writer: CallWriter) -> AsyncIterator[ContactSearch]:
    """On calls, until the block ends; about the calls whose answers a router before this one had not got as well."""
    async with ContactSearch(crms, writer) as contacts:
        await contacts.ask_again(memory.call_log)
        yield contacts


def _asked(connector: Connector, searched: Mapping[str, Searched]) -> AskedCrm:
    find, finder = connector.settings.find, searched[connector.name].finder
    return AskedCrm(name=connector.name, finder=finder, deadline_s=find.deadline_s, shows_name=find.shows_name)


def _is_asked(connector: Connector) -> bool:
    return connector.settings.find.is_on and bool(_KNOWS_CONTACTS & connector.abilities.hooks)


def contact_choice(crms: CrmsOfCalls, connectors: Connectors, memory: Memory, feed: Feed) -> ContactChoice:
    """Of a running router."""
    return ContactChoice(crms, connectors, memory.call_log, feed, StoredPhoneBook(memory.database.reader))
