"""How many messages a sender may send."""

from structlog.testing import capture_logs

from ari_app.access.rates import SECOND
from ari_app.live.floods import MOST_PER_MINUTE, Floods


def test_what_is_too_much_is_left_out_and_told_once_a_minute() -> None:
    at = 0
    floods = Floods(lambda: at)
    with capture_logs() as lines:
        let_in = [floods.lets_in("PJSIP/ada") for _ in range(MOST_PER_MINUTE + 5)]
    assert let_in == [True] * MOST_PER_MINUTE + [False] * 5
    assert [line["endpoint"] for line in lines] == ["PJSIP/ada"]
    assert floods.lets_in("PJSIP/bob"), "another one is heard"
    at = 60 * SECOND
    with capture_logs() as lines:
        assert [floods.lets_in("PJSIP/ada") for _ in range(MOST_PER_MINUTE + 1)][-2:] == [True, False]
    assert len(lines) == 1
