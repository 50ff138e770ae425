"""How a connector stands, as programs get it: the properties as the fields of a form, and no secret."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from agi_router.lookup.tokens import TokenState
from agi_router.routing.errors import Failure
from ari_app.crm.connector import Connector
from ari_app.crm.document import Property
from ari_app.crm.standing import Experience
from ari_app.domain.crm import Abilities, HookName


def connector_as_json(connector: Connector) -> dict[str, Any]:
    """All of it; moments in ISO 8601."""
    standing = connector.standing()
    return {
        "name": connector.name,
        "title": connector.title,
        "document": connector.settings.document.id,
        "state": standing.state.value,
        "since": standing.since.isoformat(),
        "remedy": standing.remedy,
        "doubt": standing.doubt,
        "missing": list(standing.missing),
        "failure": failure_as_json(standing.failure),
        "failed_at": _moment(standing.failed_at),
        "answered_at": _moment(standing.answered_at),
        "token": None if standing.token is None else _token(standing.token),
        "abilities": _abilities(connector.abilities),
        "properties": [_property(connector, each) for each in connector.settings.document.properties],
        "requests": _requests(connector.experience),
    }


def failure_as_json(failure: Failure | None) -> dict[str, str] | None:
    """Code, message and remedy."""
    return None if failure is None else asdict(failure)


def _property(connector: Connector, each: Property) -> dict[str, Any]:
    value = connector.access.properties.get(each.name, "")
    configured = bool(connector.settings.properties.get(each.name))
    return {
        "name": each.name,
        "label": each.label or each.name,
        "type": each.type.value,
        "required": each.is_required,
        "default": each.shown_default,
        "hint": each.hint,
        "options": list(each.options),
        "is_set": bool(value),
        "is_configured": configured,
        "value": None if each.is_secret or not value else connector.access.masked(value),
    }


def _requests(experience: Experience) -> dict[str, dict[str, int]]:
    """By hook, and by what came of them."""
    told: dict[str, dict[str, int]] = {}
    for (hook, result), count in sorted(experience.counts.items()):
        told.setdefault(hook.value, {})[result.value] = count
    return told


def _abilities(abilities: Abilities) -> dict[str, Any]:
    return {
        "hooks": [hook.value for hook in HookName if hook in abilities.hooks],
        "once_by": abilities.once_by.value,
        "visible_after_s": abilities.visible_after_s,
        "number_forms": list(abilities.number_forms),
    }


def _token(state: TokenState) -> Mapping[str, Any]:
    return {
        "endpoint": state.endpoint,
        "grant": state.grant.value,
        "obtained_at": _moment(state.obtained_at),
        "valid_until": _moment(state.valid_until),
        "is_usable": state.is_usable,
        "failure": failure_as_json(state.failure),
        "next_try_at": _moment(state.next_try_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
