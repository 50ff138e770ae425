"""Who phones are shown as calling, beside what an answer brings: a number, a word before the name, headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agi_router.routing.template import Template, Values, in_header


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one call shows to phones. `number` is in E.164, None for the caller's own; `headers` are sanitised."""

    number: str | None = None
    name_prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What a route shows, as configured."""

    number: str | None = None
    name_prefix: str = ""
    headers: Mapping[str, Template] = field(default_factory=dict)

    def of_call(self, values: Values) -> Shown:
        """What it shows of the call with these values; a header that comes out empty is left out."""
        headers = {name: template.render(values, in_header).strip() for name, template in self.headers.items()}
        return Shown(
            number=self.number,
            name_prefix=self.name_prefix,
            headers={name: value for name, value in headers.items() if value},
        )

    def variables(self) -> frozenset[str]:
        """The variables that its templates name."""
        return frozenset[str]().union(*(template.variables for template in self.headers.values()))
