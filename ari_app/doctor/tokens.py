"""The access tokens of OAuth, as the running router holds them; the token endpoint is asked nothing for it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from agi_router.decide import RoutingSettings
from agi_router.routing.auth import OAuth2Auth
from ari_app.control.settings import ControlError
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.router import Status

TOKEN = Topic("token", Group.ROUTES)


def token_findings(settings: RoutingSettings, answer: Status | ControlError) -> list[Finding]:
    """One for each route with OAuth, and one for its second URL where that has a token of its own."""
    names = list(_names(settings))
    if isinstance(answer, ControlError):
        return [TOKEN.of(name).skipped(f"{name}: no router tells of its token", "first mend router") for name in names]
    states = {state["route"]: state for state in answer.get("tokens", [])}
    return [judge_token(name, states.get(name)) for name in names]


def judge_token(name: str, state: Mapping[str, Any] | None) -> Finding:
    """What this state, as `status` tells it, means for calls."""
    topic = TOKEN.of(name)
    if state is None:
        return topic.warning(
            f"{name}: the running router knows nothing of its token", "restart it: it runs with another configuration"
        )
    failure, whose = state["failure"], f"{name}: {state['grant']} from {state['endpoint']}"
    if failure is None and not state["is_usable"]:
        return topic.warning(f"{whose}: no token has come yet", "ask again in a moment")
    if failure is None:
        return topic.ok(f"{whose}: a token since {_moment(state['obtained_at'])}, valid {_end(state)}")
    why = f"{failure['message']} ({failure['code']})"
    remedy = f"{failure['remedy']}; it is asked again at {_moment(state['next_try_at'])}"
    if state["is_usable"]:
        return topic.warning(f"{whose}: the token is valid {_end(state)}, and cannot be renewed: {why}", remedy)
    return topic.error(f"{whose}: there is no token, so calls take the fallback: {why}", remedy)


def _names(settings: RoutingSettings) -> Iterator[str]:
    for route in settings.routes:
        request = route.http_request
        if request is None:
            continue
        first, second = request.auth, request.second_auth
        if isinstance(first, OAuth2Auth):
            yield route.name
        if isinstance(second, OAuth2Auth) and second != first:
            yield f"{route.name}.second"


def _end(state: Mapping[str, Any]) -> str:
    end = state["valid_until"]
    return "until the API refuses it" if end is None else f"until {_moment(end)}"


def _moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"
