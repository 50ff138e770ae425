"""Since when Asterisk runs: all calls of before are over."""

import json
from datetime import UTC, datetime

from ari_app.asterisk.client import AriHttp
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import UnreachableError


async def started_at(settings: AriSettings) -> datetime:
    """The moment of its start, by its own clock. Raises a TelephonyError."""
    http = AriHttp(settings)
    try:
        answer = await http.request("GET", f"{settings.url}/ari/asterisk/info", {"only": "status"})
    finally:
        await http.close()
    try:
        return datetime.fromisoformat(json.loads(answer.body)["status"]["startup_time"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreachableError(f"Asterisk's ARI at {settings.url}: it does not say when it was started") from error
