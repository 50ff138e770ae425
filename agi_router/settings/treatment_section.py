"""The shape of `answer`, `waiting`, `limits`, `confirmation` and `recording`, of a route and of `defaults`."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agi_router.document import Section
from agi_router.routing.recorded import AnnouncedTo, RecordingMode, RecordingRule
from agi_router.routing.treatment import PRESS_ONE, Answer, Confirmation, Treatment, Waiting
from agi_router.settings.values import Name, Sound

MOST_SOUNDS = 20
MOST_SOUNDS_OF_PROMPT = 5
KEYS = frozenset("0123456789*#")
DEFAULT_CONFIRMATION = Confirmation()


def _list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _key(given: str) -> str:
    if given not in KEYS:
        raise ValueError(f'is one key, 0 to 9, * or #, not "{given}"')
    return given


class WaitingSection(Section):
    """`ringing`, `music` or `silence`, or a mapping with more."""

    sound: Waiting = Waiting.RINGING
    music_class: Name | None = None
    announcement: Annotated[tuple[Sound, ...], BeforeValidator(_list), Field(max_length=MOST_SOUNDS)] = ()

    @model_validator(mode="before")
    @classmethod
    def _bare_sound(cls, given: Any) -> Any:
        return {"sound": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _has_music_for_its_class(self) -> Self:
        if self.music_class is not None and self.sound is not Waiting.MUSIC:
            raise ValueError("has a music_class, but no music; add sound: music, or take music_class away")
        return self


class LimitsSection(Section):
    """`limits`: in seconds; 0 is none."""

    chain_s: float = Field(default=0, ge=0, le=86_400)
    talk_s: float = Field(default=0, ge=0, le=86_400)
    warn_s: float = Field(default=0, ge=0, le=3600)

    @model_validator(mode="after")
    def _warns_of_an_end(self) -> Self:
        if self.warn_s and self.warn_s >= self.talk_s:
            raise ValueError("has a warn_s that is not within talk_s; the tone comes warn_s before the end of talk_s")
        return self


class ConfirmationSection(Section):
    """`confirmation`."""

    prompt: Annotated[
        tuple[Sound, ...], BeforeValidator(_list), Field(min_length=1, max_length=MOST_SOUNDS_OF_PROMPT)
    ] = PRESS_ONE
    digit: Annotated[str, AfterValidator(_key)] = DEFAULT_CONFIRMATION.digit
    timeout_s: float = Field(default=DEFAULT_CONFIRMATION.timeout_s, ge=3, le=60)

    @model_validator(mode="after")
    def _asks_for_its_digit(self) -> Self:
        if self.digit != DEFAULT_CONFIRMATION.digit and self.prompt == PRESS_ONE:
            raise ValueError(f"has digit {self.digit}, but the prompt says to press 1; add a prompt of your own")
        return self

    def confirmation(self) -> Confirmation:
        """What it means."""
        return Confirmation(prompt=self.prompt, digit=self.digit, timeout_s=self.timeout_s)


class RecordingSection(Section):
    """`recording`: `off`, `on_demand` or `always`, or a mapping with more."""

    mode: RecordingMode
    announcement: Annotated[tuple[Sound, ...], BeforeValidator(_list), Field(max_length=MOST_SOUNDS_OF_PROMPT)] = ()
    announce_to: AnnouncedTo = AnnouncedTo.BOTH

    @model_validator(mode="before")
    @classmethod
    def _bare_mode(cls, given: Any) -> Any:
        return {"mode": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _tells_whom_it_plays_to(self) -> Self:
        if "announce_to" in self.model_fields_set and not self.announcement:
            raise ValueError("has announce_to, and nothing to be heard; add an announcement, or take announce_to away")
        if self.announcement and self.mode is RecordingMode.OFF:
            raise ValueError("is off and has an announcement; set mode: on_demand or always, or take it away")
        return self

    def rule(self) -> RecordingRule:
        """What it means."""
        return RecordingRule(mode=self.mode, announcement=self.announcement, announce_to=self.announce_to)


class TreatmentSection(Section):
    """The keys that a route and `defaults` share; what a route does not say, `defaults` does."""

    answer: Answer | None = None
    waiting: WaitingSection | None = None
    limits: LimitsSection | None = None
    confirmation: ConfirmationSection | None = None
    recording: RecordingSection | None = None

    def treatment(self, otherwise: Treatment | None = None) -> Treatment:
        """What it means; `otherwise` has what is not said here."""
        given = otherwise or Treatment()
        waiting, limits = self.waiting, self.limits
        return Treatment(
            answer=self.answer or given.answer,
            waiting=waiting.sound if waiting else given.waiting,
            music_class=(waiting.music_class or "") if waiting else given.music_class,
            announcement=waiting.announcement if waiting else given.announcement,
            chain_s=limits.chain_s if limits else given.chain_s,
            talk_s=limits.talk_s if limits else given.talk_s,
            warn_s=limits.warn_s if limits else given.warn_s,
            confirmation=self.confirmation.confirmation() if self.confirmation else given.confirmation,
            recording=self.recording.rule() if self.recording else given.recording,
        )
