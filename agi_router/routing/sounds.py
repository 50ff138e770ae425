"""The sounds of an announcement, as answers and configurations name them."""

from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.treatment import SOUND

MOST_SOUNDS = 10

_SCHEME = "sound:"  # the one of ARI's media that is a file of Asterisk's own


def parse_sounds(text: str) -> tuple[str, ...]:
    """The names in "sound:hello-world,custom/closed", without the scheme, which may be left out; 1 to `MOST_SOUNDS`.

    Raises RoutingError value_not_sound.
    """
    names = tuple(name.strip().removeprefix(_SCHEME) for name in text.split(","))
    if len(names) > MOST_SOUNDS or not all(map(SOUND.fullmatch, names)):
        raise RoutingError(
            "value_not_sound",
            f"{shown(text)} names no sounds",
            f"name sound files of Asterisk without their ending, at most {MOST_SOUNDS}, joined by commas: "
            "custom/closed, or sound:hello-world,custom/closed",
        )
    return names
