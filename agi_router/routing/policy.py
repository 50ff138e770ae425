"""The dial policy: which numbers outside may be dialled at all. Everything is denied that is not allowed by region."""

from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, shortnumberinfo

from agi_router.routing.errors import Failure
from agi_router.routing.numbers import dialled_digits, is_e164, national

NON_GEOGRAPHIC = "001"  # phonenumbers' region of +800, +870, +881, +883 …

# Universal access numbers stay allowed: they are the ordinary numbers of companies (058 in Switzerland).
BLOCKED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium rate number",
    PhoneNumberType.SHARED_COST: "a shared cost number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal (follow-me) number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}


@dataclass(frozen=True, slots=True)
class DialPolicy:
    """What may be dialled: `regions` are ISO 3166 codes; none means nothing. `region` is that of the installation.

    `dialplan_contexts` are the contexts of the dialplan that an answer may send callers to; none means nowhere.
    `table_contexts` are those that a route's table of values names, for what such a table gave its meaning.
    """

    regions: frozenset[str]
    region: str
    dialplan_contexts: frozenset[str] = frozenset()
    table_contexts: frozenset[str] = frozenset()

    def refusal(self, number: str) -> Failure | None:
        """Why this number must not be dialled; None when it may. Emergency numbers are recognised in any form."""
        return self.emergency(number) or self._refusal_of_e164(number)

    def refusal_of_context(self, context: str, *, by_table: bool) -> Failure | None:
        """Why no answer may send a caller to this context of the dialplan; None when it may."""
        if context in self.dialplan_contexts or (by_table and context in self.table_contexts):
            return None
        return Failure(
            "policy_dialplan",
            f"policy.dialplan_contexts does not allow answers to send callers to the context {context}",
            "if that is wanted, add the context there; behind it is whatever the dialplan can do, also paid calls",
        )

    def emergency(self, text: str) -> Failure | None:
        """The refusal of an emergency number of this region or any allowed one, whatever the form: 112, +112, 1 1 2."""
        dialled = dialled_digits(text)
        if dialled is None:
            return None
        forms = {dialled.removeprefix("+")}
        if is_e164(dialled):
            forms.add(national(dialled))
            forms.add(str(phonenumbers.parse(dialled).national_number))
        for region in {self.region, *self.regions}:
            for form in forms:
                if shortnumberinfo.is_emergency_number(form, region):
                    return Failure(
                        "policy_emergency",
                        f"{form} is an emergency number ({region}), and those are never dialled for a program",
                        "choose another destination; emergency calls belong in the dialplan, in front of Stasis()",
                    )
        return None

    def _refusal_of_e164(self, number: str) -> Failure | None:
        parsed = _parse(number)
        if parsed is None or not is_e164(number) or not phonenumbers.is_valid_number(parsed):
            return Failure(
                "policy_invalid_number",
                f"{number!r} is not a number that any numbering plan knows",
                "correct the number where it comes from; only valid numbers are dialled",
            )
        region = phonenumbers.region_code_for_number(parsed)
        if region == NON_GEOGRAPHIC:
            return Failure(
                "policy_region",
                f"{number} belongs to no country (satellite, global or freephone services)",
                "use a number of a country; these are never dialled, whatever policy.regions says",
            )
        if region not in self.regions:
            return Failure(
                "policy_region",
                f"{number} is in {region}, and policy.regions allows {', '.join(sorted(self.regions)) or 'nothing'}",
                f"if calls to {region} are wanted, add it to policy.regions",
            )
        blocked = BLOCKED_TYPES.get(phonenumbers.number_type(parsed))
        if blocked:
            return Failure(
                "policy_number_type", f"{number} is {blocked}", "use the ordinary number of whoever shall be reached"
            )
        return None


def _parse(number: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number)
    except NumberParseException:
        return None
