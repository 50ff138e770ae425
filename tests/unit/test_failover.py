"""Which failures another trunk may mend."""

import pytest

from ari_app.domain.failover import lies_in_trunk

# Cause and status as Asterisk 22 was seen to tell them.
BY_NEXT = [
    (127, 400), (21, 401), (127, 402), (21, 403), (21, 407), (28, 484), (58, 488), (38, 500), (29, 501), (27, 502),
    (34, 503), (102, 504), (23, 302), (34, None), (38, None), (41, None), (42, None), (44, None), (27, None), (3, None),
    (2, None), (127, None),
]  # fmt: skip
NEVER = [
    (17, 486), (17, 600), (21, 603), (1, 604), (58, 606), (21, 607), (1, 404), (22, 410), (1, 485), (127, 487),
    (17, 503), (17, None), (1, None), (16, None), (18, None), (19, None), (21, None), (0, None),
]  # fmt: skip


@pytest.mark.parametrize("reached", [True, False])
@pytest.mark.parametrize(("cause", "status"), BY_NEXT)
def test_a_fault_of_the_trunk_is_tried_by_the_next(cause: int, status: int | None, reached: bool) -> None:
    assert lies_in_trunk(cause, status, reached=reached)


@pytest.mark.parametrize("reached", [True, False])
@pytest.mark.parametrize(("cause", "status"), NEVER)
def test_what_the_called_party_says_is_final(cause: int, status: int | None, reached: bool) -> None:
    assert not lies_in_trunk(cause, status, reached=reached)


@pytest.mark.parametrize(("cause", "status"), [(18, 408), (19, 480)])
def test_nobody_there_is_final_once_something_rang(cause: int, status: int) -> None:
    assert [lies_in_trunk(cause, status, reached=reached) for reached in (False, True)] == [True, False]
