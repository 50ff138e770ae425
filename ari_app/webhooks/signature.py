"""The signature by which a receiver knows that a request is the router's, and of now.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping, Sequence
from datetime import datetime


def signed(notice_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """The three headers for a request that leaves at this moment: one signature for each secret, in their order.

    Raises ValueError for a secret that is not base64, and for a body that is not UTF-8.
    """
    # A router without webhooks is spared it.
    from standardwebhooks import Webhook  # noqa: PLC0415
    from standardwebhooks.webhooks import EmptyWebhookSecretError  # noqa: PLC0415

    text = body.decode()
    try:
        signatures = [Webhook(secret).sign(notice_id, at, text) for secret in secrets]
    except EmptyWebhookSecretError as error:
        raise ValueError(str(error)) from None
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
