"""Telephone numbers: from what an API, a caller or a file says to E.164, and from there to what others want.

A *possible* number has a length that its numbering plan knows; a *valid* one also has a known prefix. Normalising
needs only a possible number: whether a number may be dialled is the policy's question.
"""

import re
import unicodedata
from enum import StrEnum
from typing import assert_never

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

LONGEST_TEXT = 64
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
EXAMPLE = "+12025550123"
SCHEME = re.compile(r"(tel|sip|sips):", re.IGNORECASE)
PUNCTUATION = frozenset("()[]-./\u2010\u2011\u2012\u2013\u2014\u2212\uff08\uff09\uff0d")
FULL_WIDTH_PLUS = "\uff0b"


class NumberFormat(StrEnum):
    """How a trunk wants its numbers."""

    E164 = "e164"  # +12025550123
    DIGITS = "digits"  # 12025550123
    NATIONAL = "national"  # 2025550123 inside the region, 011442079460958 outside (+… where there is no one prefix)


class WrittenForm(StrEnum):
    """How people and programs write the number +442071838750."""

    E164 = "e164"  # +442071838750
    DIGITS = "digits"  # 442071838750
    NATIONAL = "national"  # 02071838750
    LOCAL = "local"  # 2071838750
    IDD = "idd"  # 00442071838750
    INTERNATIONAL = "international"  # +44 20 7183 8750
    FORMATTED = "formatted"  # 020 7183 8750


def normalise(text: str, region: str) -> str | None:
    """The number in E.164 ("+380123456789"), or None when the text is not one.

    Without a plus, the digits are tried as international and as national of the region: whichever is valid, then
    whichever is possible, international first. So "3 80123456789" is +380123456789 everywhere, and "2025550123" is
    +12025550123 in the US, though it could be an Egyptian number. Letters, extensions and SIP hosts are refused.
    """
    dialled = dialled_digits(text)
    if dialled is None:
        return None
    readings = [number for number in _readings(dialled, region) if number is not None]
    for is_good in (phonenumbers.is_valid_number, _is_possible):
        for number in readings:
            if is_good(number):
                return _stable_e164(number)
    return None


def dialled_digits(text: str) -> str | None:
    """The digits, after a plus if there is one, without all that people put between; None when more is left over."""
    if len(text) > LONGEST_TEXT:
        return None
    written = SCHEME.sub("", text.strip(), count=1).replace(FULL_WIDTH_PLUS, "+")
    kept = "".join(character for character in written if not _is_between_digits(character))
    if not re.fullmatch(r"\+?\d+", kept):
        return None
    return "".join(sign if sign == "+" else str(unicodedata.decimal(sign)) for sign in kept)


def is_e164(text: str) -> bool:
    """Whether the text is a possible number, written exactly as E.164 has it."""
    return bool(E164.fullmatch(text)) and normalise(text, "ZZ") == text


def national(number: str) -> str:
    """The digits with which an E.164 number is dialled inside its own country."""
    return _only_digits(phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.NATIONAL))


def digits(number: str) -> str:
    """An E.164 number without its plus."""
    return number.removeprefix("+")


def written(number: str, form: WrittenForm) -> str:
    """An E.164 number in this form."""
    match form:
        case WrittenForm.E164:
            return number
        case WrittenForm.DIGITS:
            return digits(number)
        case WrittenForm.NATIONAL:
            return national(number)
        case WrittenForm.LOCAL:
            return phonenumbers.national_significant_number(phonenumbers.parse(number))
        case WrittenForm.IDD:
            return f"00{digits(number)}"
        case WrittenForm.INTERNATIONAL:
            return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)
        case WrittenForm.FORMATTED:
            return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.NATIONAL)
        case _:
            assert_never(form)


def for_trunk(number: str, number_format: NumberFormat, region: str) -> str:
    """An E.164 number as a trunk standing in this region wants it."""
    match number_format:
        case NumberFormat.E164:
            return number
        case NumberFormat.DIGITS:
            return digits(number)
        case NumberFormat.NATIONAL:
            parsed = phonenumbers.parse(number)
            if parsed.country_code == phonenumbers.country_code_for_region(region):
                return national(number)
            abroad = phonenumbers.format_out_of_country_calling_number(parsed, region)
            # A region whose carriers each have their own prefix gets none: without its plus, the number would be
            # another one, at home.
            return number if abroad.startswith("+") else _only_digits(abroad)


def is_region(region: str) -> bool:
    """Whether this is a country that has telephone numbers: ISO 3166, two capital letters."""
    return region in phonenumbers.SUPPORTED_REGIONS


def _readings(dialled: str, region: str) -> tuple[PhoneNumber | None, ...]:
    if dialled.startswith("+"):
        return (_parse(dialled, None),)
    if dialled.startswith("00"):
        return (_parse(f"+{dialled[2:]}", None), _parse(dialled, region))
    return (_parse(f"+{dialled}", None), _parse(dialled, region))


def _parse(dialled: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(dialled, region)
    except NumberParseException:
        return None


def _is_possible(number: PhoneNumber) -> bool:
    # A number that is possible only locally (seven digits in the US) has no E.164 form that could be dialled.
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def _stable_e164(number: PhoneNumber) -> str | None:
    text = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    again = _parse(text, None)
    is_stable = again is not None and phonenumbers.format_number(again, PhoneNumberFormat.E164) == text
    return text if is_stable and E164.fullmatch(text) else None


def _is_between_digits(character: str) -> bool:
    return character in PUNCTUATION or character.isspace() or unicodedata.category(character) == "Cf"


def _only_digits(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())
