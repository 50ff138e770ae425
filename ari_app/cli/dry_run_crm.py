"""CRMs in a dry run of a command: who their users are by what was kept, and whom they are asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from agi_router.routing.route import CrmRequest, Route
from ari_app.app.crm import crm_for_command
from ari_app.app.crm_routing import CrmRouting
from ari_app.settings import Settings
from ari_app.storage.crm_users import read_crm_users
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.phone_book_reader import StoredPhoneBook


@asynccontextmanager
async def crm_routing(settings: Settings, route: Route | None) -> AsyncIterator[CrmRouting]:
    """What CRMs tell of where this route's calls belong. Raises StorageError.

    Only the CRM that it asks is connected.
    """
    routing = CrmRouting.of(settings)
    if route is None or not {_asked(route), route.response.crm} & {each.name for each in settings.crm.connectors}:
        yield routing
        return
    with suppress(StorageError):  # nothing is known of a CRM's users before the first router has read them
        routing.users.take(await read_crm_users(settings.storage))
    if not _asked(route):
        yield routing
        return
    async with crm_for_command(settings, _asked(route)) as connector:
        reader = reading_engine(settings.storage)
        try:
            routing.connect({connector.name: connector}, StoredPhoneBook(reader), _Uncounted())
            yield routing
        finally:
            await reader.dispose()


def _asked(route: Route) -> str:
    return route.request.crm if isinstance(route.request, CrmRequest) else ""


class _Uncounted:
    """Implements `FormTally`: no dry run is counted."""

    def counts(self, connector: str) -> dict[str, int]:  # noqa: ARG002
        """None."""
        return {}

    def matched(self, connector: str, form: str) -> None:
        """Let it go."""
