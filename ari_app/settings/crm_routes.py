"""What has to hold between routes and the CRMs that decide them."""

from agi_router.document import ConfigError, Document
from agi_router.routing.route import CrmRequest, Route
from ari_app.crm.document.model import Document as CrmDocument
from ari_app.crm.settings import CrmSettings
from ari_app.domain.crm import HookName


def check_deciding(document: Document, routes: tuple[Route, ...], crm: CrmSettings) -> None:
    """Raises ConfigError for each route whose CRM can't tell the owner of a contact by its document."""
    documents = {connector.name: connector.document for connector in crm.connectors}
    problems = [
        document.problem(("routes", route.name, "request", "crm"), said)
        for route in routes
        if isinstance(route.request, CrmRequest) and (said := _problem(documents[route.request.crm]))
    ]
    if problems:
        raise ConfigError(problems)


def _problem(of_crm: CrmDocument) -> str:
    """Why nobody can be found by this document; "" when somebody can."""
    find = of_crm.hooks.get(HookName.FIND_CONTACT)
    if find is None:
        return f"decides nothing: the document {of_crm.id} has no hook FindContact; add it, or ask a url"
    maps = [step.records for step in find.steps if step.records is not None]
    if not any("owner_id" in each.sources or "owner_id" in each.fixed for each in maps):
        return (
            f"decides nothing: FindContact of the document {of_crm.id} does not tell who owns a contact; "
            "map $owner_id$ in its response_map, or ask a url"
        )
    return ""
