"""What stands where a secret belongs."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.settings.placeholders import is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        *("changeme", "CHANGE_ME", "change-me!", "replace me", "TODO", "xxx", "XXXX-XXXX", "***", "…", "..."),
        *("your-token-here", "YOUR_API_KEY", "your secret", "insert-your-password-here", "paste_token_here"),
        *("<token>", "<your key>", "{{token}}", "[api key]", "apikeygoeshere", "put your crm token here"),
    ],
)
def test_a_placeholder_is_known_as_one(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["", "t", "secret", "pd-1234", "geheim-geheim", "8f14e45f", "yours", "a<b>c", "x-ray", "keyhole"]
)
def test_what_somebody_may_mean_is_none(text: str) -> None:
    assert not is_placeholder(text)


@given(st.integers(16, 48).map(secrets.token_urlsafe) | st.integers(8, 48).map(secrets.token_hex))
def test_no_random_secret_is_one(secret: str) -> None:
    assert not is_placeholder(secret)
