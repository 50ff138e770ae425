"""Numbers: what people and programs write, and what becomes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.numbers import NumberFormat, digits, for_trunk, is_e164, is_region, national, normalise


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+12025550123", "US", "+12025550123"),
        ("3 80123456789", "US", "+380123456789"),
        ("380123456789", "UA", "+380123456789"),
        ("tel:+1-202-555-0123", "US", "+12025550123"),
        ("TEL:+12025550123", "GB", "+12025550123"),
        ("sip:+12025550123", "GB", "+12025550123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("202.555.0123", "US", "+12025550123"),
        ("+44\u00a020\u00a07946\u00a00958", "US", "+442079460958"),
        ("+44 (0)20 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("00442079460958", "US", "+442079460958"),
        ("\u202a+12025550123\u202c", "US", "+12025550123"),
        ("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff12\uff13", "US", "+12025550123"),
        ("+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0662\u0663", "US", "+12025550123"),
        ("202\u2011555\u20110123", "US", "+12025550123"),
    ],
)
def test_what_people_write_becomes_e164(written: str, region: str, e164: str) -> None:
    assert normalise(written, region) == e164


def test_digits_valid_at_home_win_over_digits_that_are_only_possible_abroad() -> None:
    assert normalise("2025550123", "US") == "+12025550123"  # +20 25550123 would be possible in Egypt


def test_digits_valid_abroad_win_over_digits_valid_at_home() -> None:
    assert normalise("442079460958", "DE") == "+442079460958"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "alice",
        "101",
        "112",
        "+112",
        "5550123",
        "1-800-FLOWERS",
        "+12025550123;ext=5",
        "+12025550123 ext 5",
        "+12025550123x5",
        "+12025550123,,5",
        "sip:+12025550123@example.com",
        "12025550123+",
        "+1202555+0123",
        "+12025550123\x00",
        "9" * 65,
        "12345678901234567890",
        "\u00b2025550123",
    ],
)
def test_what_is_no_dialable_number_is_none(text: str) -> None:
    assert normalise(text, "US") is None


@given(
    st.one_of(st.text(max_size=80), st.from_regex(r"\+?[0-9 ().-]{1,24}", fullmatch=True)),
    st.sampled_from(["US", "GB", "UA", "AR", "IT", "ZZ"]),
)
def test_normalising_never_raises_and_normalising_again_changes_nothing(text: str, region: str) -> None:
    number = normalise(text, region)
    if number is not None:
        assert normalise(number, region) == number
        assert is_e164(number)
        assert digits(number).isascii()
        assert digits(number).isdecimal()
        assert national(number).isdecimal()


@pytest.mark.parametrize("text", ["+12025550123", "+380123456789", "+442079460958"])
def test_e164_is_recognised(text: str) -> None:
    assert is_e164(text)


@pytest.mark.parametrize(
    "text",
    ["12025550123", "+1 2025550123", "+12025550123\n", "+012025550123", "+44(0)2079460958", "+1202555012", "+112", ""],
)
def test_e164_is_strict(text: str) -> None:
    assert not is_e164(text)


@pytest.mark.parametrize(
    ("number", "number_format", "region", "dialled"),
    [
        ("+12025550123", NumberFormat.E164, "US", "+12025550123"),
        ("+12025550123", NumberFormat.DIGITS, "GB", "12025550123"),
        ("+12025550123", NumberFormat.NATIONAL, "US", "2025550123"),
        ("+442079460958", NumberFormat.NATIONAL, "GB", "02079460958"),
        ("+442079460958", NumberFormat.NATIONAL, "US", "011442079460958"),
        ("+12025550123", NumberFormat.NATIONAL, "GB", "0012025550123"),
        ("+442079460958", NumberFormat.NATIONAL, "BR", "+442079460958"),  # 44 2079… would be dialled in Maringá
        ("+442079460958", NumberFormat.NATIONAL, "KR", "+442079460958"),
    ],
)
def test_a_trunk_gets_numbers_in_its_own_form(
    number: str, number_format: NumberFormat, region: str, dialled: str
) -> None:
    assert for_trunk(number, number_format, region) == dialled


def test_regions_are_countries_in_capital_letters() -> None:
    assert is_region("NO")
    assert not any(map(is_region, ["no", "UK", "001", "EU", ""]))
