"""How the running router's logins at CRMs stand; the CRMs are asked nothing for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ari_app.control.settings import ControlError
from ari_app.crm.settings import CrmSettings
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.router import Status

CRM: Final = Topic("crm", Group.ROUTES)


def crm_findings(settings: CrmSettings, answer: Status | ControlError) -> list[Finding]:
    """One for each connector."""
    names = [connector.name for connector in settings.connectors]
    if isinstance(answer, ControlError):
        return [CRM.of(name).skipped(f"{name}: no router tells of its login", "first mend router") for name in names]
    states = {state["name"]: state for state in answer.get("crm", [])}
    return [judge_login(name, states.get(name)) for name in names]


def judge_login(name: str, state: Mapping[str, Any] | None) -> Finding:
    """What this state, as `status` tells it, means for calls."""
    topic = CRM.of(name)
    if state is None:
        return topic.warning(
            f"{name}: the running router knows nothing of it", "restart it: it runs with another configuration"
        )
    who, failure = f"{name} ({state['title']})", state["failure"]
    match state["state"]:
        case "ok" if state.get("doubt"):
            return topic.warning(f"{who}: logged in, and no caller was ever known", state["doubt"])
        case "ok":
            return topic.ok(f"{who}: logged in, last answered at {_moment(state['answered_at'])}")
        case "untried":
            why = "" if failure is None else f", and the last try came to nothing: {failure['message']}"
            return topic.warning(
                f"{who}: the CRM has not answered yet{why}",
                f"agi-router crm try {name} Users" if failure is None else failure["remedy"],
            )
        case "needed":
            return topic.error(f"{who}: nobody has logged in, so calls know no contacts", state["remedy"])
        case _:
            why = "" if failure is None else f": {failure['message']} ({failure['code']})"
            return topic.error(f"{who}: the login is refused since {_moment(state['since'])}{why}", state["remedy"])


def _moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC"
