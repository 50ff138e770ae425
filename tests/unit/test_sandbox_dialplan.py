"""The operator's files, as `agi-router dialplan` finds them."""

import pytest

import dialplan


@pytest.mark.parametrize("name", dialplan.FILES)
def test_each_file_says_first_what_it_is(name: str) -> None:
    assert dialplan.read(name).startswith(f"; {name} - ")


def test_another_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(KeyError, match=r"agi-router\.conf, agi-router-agi\.conf, ari\.conf"):
        dialplan.read("../pyproject.toml")


def test_a_fallback_follows_every_stasis() -> None:
    lines = [line for line in dialplan.read("agi-router.conf").splitlines() if line and not line.startswith(";")]
    after = [lines[number + 1 : number + 3] for number, line in enumerate(lines) if "Stasis(agi-router" in line]
    fallback = " same => n,Goto(agi-router-fallback,s,1)"
    assert [first for first, _ in after] == [
        fallback,
        ' same => n,ExecIf($["${QUEUESTATUS}" = "CONTINUE"]?Hangup(16))',  # who was served needs none
        " same => n,Return()",  # nor who has hung up: he only tells of his message
    ]
    assert after[1][1] == fallback
