"""What a router is spared that does not need it: libraries take memory, and time at the start."""

import subprocess
import sys
from pathlib import Path

WEB = ("fastapi", "starlette", "uvicorn", "h11", "prometheus_client", "ari_app.web.app")
MIGRATIONS = ("alembic", "mako")
SERVERS = ("sqlalchemy.dialects.postgresql", "asyncpg")
SECRETS = ("cryptography", "standardwebhooks")
TOKENS = ("oauthlib",)

PLAIN = """
asterisk: {ari: {username: router, password: of-this-test-alone}}
agi: {}
defaults: {region: US}
directory:
  users: [{id: "456", devices: [PJSIP/ada]}]
routes:
  sales:
    request: {url: "https://api.example.com/v1/calls/search?phone_number={{callerNumber}}"}
    response: {type: user, path: "calls[0].user.id"}
"""

LOADED = """
import sys
from pathlib import Path
import ari_app.app.serving
import ari_app.cli.serving
from ari_app.settings import load_settings

load_settings(Path(sys.argv[1]))
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


def test_what_not_every_router_needs_is_not_imported_by_all(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    spared = WEB + MIGRATIONS + SERVERS + SECRETS + TOKENS
    done = subprocess.run(
        [sys.executable, "-c", LOADED, tmp_path / "plain.yaml", *spared],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == []
