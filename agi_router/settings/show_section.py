"""The shape of `show`, of a route and of `defaults`."""

from typing import Annotated

from pydantic import Field

from agi_router.document import Section
from agi_router.settings.response_section import MOST_CARRIED
from agi_router.settings.values import CarriedHeader, HeaderTemplate, Printable

LONGEST_PREFIX = 40


class ShowSection(Section):
    """`show`: what phones see of a call."""

    number: str | None = None
    name_prefix: Annotated[Printable, Field(max_length=LONGEST_PREFIX)] = ""
    headers: dict[CarriedHeader, HeaderTemplate] = Field(default_factory=dict, max_length=MOST_CARRIED)
