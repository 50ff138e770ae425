"""What an operator of Asterisk includes: the dialplan of the router, and samples of what it needs around."""

from importlib import resources

FILES = (
    "agi-router.conf",
    "agi-router-agi.conf",
    "ari.conf",
    "cdr_manager.conf",
    "cel.conf",
    "freepbx.conf",
    "http.conf",
    "manager.conf",
    "pjsip.conf",
    "queues.conf",
)


def read(name: str) -> str:
    """The text of one of `FILES`. Raises KeyError for another name."""
    if name not in FILES:
        raise KeyError(f"{name} is not one of the dialplan's files. Choose from {', '.join(FILES)}.")
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
