"""Calendars of business hours, and the routes that keep them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agi_router.document import Position, Problem, suggestion
from agi_router.routing.hours import Calendar
from agi_router.routing.opening_times import Holiday
from agi_router.settings.findings import At, Findings
from agi_router.settings.hours_section import CalendarSection


@dataclass(slots=True)
class HoursBuilding:
    """Builds the calendars by their names, and hands them to routes."""

    found: Findings
    sections: Mapping[str, CalendarSection]
    calendars: dict[str, Calendar] = field(init=False)
    kept: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.calendars = {name: self._calendar(name, section) for name, section in self.sections.items()}

    def of_route(self, hours: str | None, at: At, *, has_closed: bool) -> Calendar | None:
        """The calendar that the route at `at` keeps; `has_closed`: it has a chain for when it is closed."""
        if hours is None:
            if has_closed:
                self.found.problem(
                    (*at, "closed"),
                    "is what happens outside business hours, and this route has none; add hours: with the name of a "
                    "calendar, or take closed away",
                )
            return None
        self.kept.add(hours)
        if hours not in self.calendars:
            known = suggestion(hours, sorted(self.calendars)) or "; add it there, with its zone and when it is open"
            self.found.problem((*at, "hours"), f'there is no calendar "{hours}" under hours{known}')
        return self.calendars.get(hours)

    def warn(self) -> None:
        """Tell of calendars that can hardly be meant so; call it when all routes have theirs."""
        for name in self.sections:
            if name not in self.kept:
                self.found.warn(
                    ("hours", name), f"no route keeps these hours; add hours: {name} to one, or remove them"
                )

    def _calendar(self, name: str, section: CalendarSection) -> Calendar:
        at: At = ("hours", name)
        if not section.open:
            never = "never opens, so its routes are always closed; add times, such as mon-fri 09:00-17:00"
            self.found.warn((*at, "open"), never)
        holidays = (*section.holidays, *self._in_file(section.holidays_file, (*at, "holidays_file")))
        return Calendar(name=name, zone=section.zone, openings=section.open, holidays=holidays)

    def _in_file(self, name: str | None, at: At) -> Iterator[Holiday]:
        """The holidays of a file: one on each line, without what follows a #."""
        if name is None:
            return
        file = self.found.document.directory / name
        for number, line in enumerate(self._lines(file, at), start=1):
            written = line.partition("#")[0].strip()
            try:
                if written:
                    yield Holiday.parse(written)
            except ValueError as error:
                self.found.problems.append(Problem(Position(str(file), number), "", str(error)))

    def _lines(self, file: Path, at: At) -> list[str]:
        try:
            return file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self.found.problem(at, f"the file {file} cannot be read: {reason}; check its name and rights")
            return []
