"""A notice as it is, on the wire of Standard Webhooks: type, timestamp and data.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
from datetime import UTC

from ari_app.domain.notices import Notice
from ari_app.webhooks.rendering import Rendered


def as_it_is(notice: Notice) -> Rendered:
    """A request with the notice whole."""
    moment = notice.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = {"type": notice.type.value, "timestamp": moment, "data": notice.data}
    return Rendered(
        method="POST",
        body=json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(),
        content_type="application/json",
    )
