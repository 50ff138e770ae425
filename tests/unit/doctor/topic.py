"""What the doctor's questions are asked about."""

from datetime import UTC, datetime

from ari_app.asterisk.settings import AriSettings
from ari_app.doctor.finding import Group, Topic

ARI = AriSettings(url="http://127.0.0.1:8088", username="router", password="8f14e45f")
TOPIC = Topic("topic", Group.ASTERISK)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
