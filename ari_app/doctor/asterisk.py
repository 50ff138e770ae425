"""Asterisk itself: whether it answers, lets us write, is safe, has a folder for recordings, and what time it has."""

import re
from typing import Final, assert_never

from ari_app.asterisk.inspection import Greeting, Trouble, UnreachedError
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import TelephonyError, UnreachableError
from ari_app.doctor.finding import SILENT, Finding, Group, Topic

ARI = Topic("ari", Group.ASTERISK)
DESCRIPTION = Topic("ari-description", Group.ASTERISK)
RIGHTS = Topic("rights", Group.ASTERISK)
VERSION = Topic("version", Group.ASTERISK)
CLOCK = Topic("clock", Group.ASTERISK)
RECORDINGS = Topic("recordings", Group.ASTERISK)

# Below these, the advisories of June 2026 on ARI are open.
FLOORS: Final = {20: (20, 20, 1), 22: (22, 10, 1)}
TESTED: Final = 22
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(-rc\d+)?")

SLOW_MS: Final = 500.0
CLOCK_TOLERANCE_S: Final = 2.0


def judge_greeting(settings: AriSettings, greeting: Greeting) -> Finding:
    """ARI answers."""
    found = f"ARI answers user {settings.username} at {settings.url} in {greeting.elapsed_ms:.0f} ms"
    if greeting.elapsed_ms > SLOW_MS:
        return ARI.warning(found, "find out why it is slow: a call needs about ten answers, one after the other")
    return ARI.ok(found)


def judge_trouble(settings: AriSettings, error: UnreachedError) -> Finding:
    """ARI does not answer; why, and what to do, by the way in which it failed."""
    url, user = settings.url, settings.username
    match error.trouble:
        case Trouble.UNRESOLVED:
            return ARI.error(
                f"the host of {url} has no address: {error}", "correct asterisk.ari.url, or the name server"
            )
        case Trouble.REFUSED:
            return ARI.error(
                f"{url} takes no connection: {error}",
                "start Asterisk; if it runs, its web server is off or elsewhere: enabled, bindaddr and bindport in "
                'http.conf, and what asterisk -rx "http show status" says, must fit asterisk.ari.url; '
                'after a change asterisk -rx "core reload"',
            )
        case Trouble.TIMEOUT:
            return ARI.error(
                f"{url} does not answer in time",
                "a firewall drops the packets, the address is wrong, or the name server or Asterisk hangs: try "
                "asterisk -rx 'core show uptime' on its machine",
            )
        case Trouble.UNTRUSTED:
            return ARI.error(
                f"no trusted TLS connection to {url}: {error}",
                "check the certificate that tlscertfile in http.conf names: its name, date and authority; on the same "
                "machine http://127.0.0.1 needs none",
            )
        case Trouble.BROKEN:
            return ARI.error(
                f"{url} breaks the conversation off: {error}",
                "does asterisk.ari.url say http where Asterisk speaks https, or name the port of something else?",
            )
        case Trouble.UNAUTHORIZED:
            return ARI.error(
                f"Asterisk refuses user {user}: {error}",
                f"section [{user}] of ari.conf must have type = user and the password of asterisk.ari.password; then "
                'asterisk -rx "module reload res_ari.so"',
            )
        case Trouble.NO_ARI:
            return ARI.error(
                f"Asterisk's web server at {url} has no ARI",
                "set enabled = yes in ari.conf; load res_ari.so and the other res_ari modules; is there a prefix in "
                "http.conf? Then it belongs into asterisk.ari.url",
            )
        case Trouble.OTHER_SERVER:
            return ARI.error(
                f"what answers at {url} is not ARI: {error}",
                "let asterisk.ari.url name Asterisk's own web server: bindaddr and bindport in http.conf",
            )
        case _:
            assert_never(error.trouble)


def judge_description(error: TelephonyError | TimeoutError) -> Finding:
    """The router cannot connect either without Asterisk's description of ARI, so only its failure is told."""
    if isinstance(error, (UnreachableError, TimeoutError)):
        return DESCRIPTION.error(f"Asterisk did not give its description of ARI: {_reason(error)}", SILENT)
    return DESCRIPTION.error(
        f"Asterisk does not give the description of ARI that the router reads first: {_reason(error)}",
        "it stands in rest-api/ of Asterisk's data folder, in Debian /usr/share/asterisk/rest-api: install it again",
    )


def judge_rights(settings: AriSettings, error: TelephonyError | TimeoutError | None) -> Finding:
    """Whether a channel could be made to ask on; it was never dialled."""
    if error is None:
        return RIGHTS.ok(f"user {settings.username} may make channels")
    if "Write access denied" in str(error):
        return RIGHTS.error(
            f"user {settings.username} may only read: no call can be routed",
            f"set read_only = no in section [{settings.username}] of ari.conf, then "
            'asterisk -rx "module reload res_ari.so"',
        )
    if isinstance(error, (UnreachableError, TimeoutError)):
        return RIGHTS.error(f"no channel could be made to ask on: {_reason(error)}", SILENT)
    return RIGHTS.error(
        f"no channel could be made to ask on: {_reason(error)}",
        "load the modules that the finding modules names; if none is missing, look into Asterisk's log",
    )


def release(version: str) -> tuple[int, int, int] | None:
    """The numbers of a release; None for what is none, such as a build from git."""
    numbers = _VERSION.search(version)
    if numbers is None:
        return None
    major, minor, patch = (int(part or 0) for part in numbers.groups()[:3])
    return major, minor, patch


def judge_version(version: str) -> Finding:
    """Against the floor of its branch."""
    numbers = _VERSION.search(version)
    if numbers is None:
        return VERSION.warning(
            f"Asterisk is {version}: no release, so nobody can tell whether its security fixes are in",
            f"run a release: {_dotted(FLOORS[TESTED])} or later",
        )
    major, minor, patch = (int(part or 0) for part in numbers.groups()[:3])
    floor = FLOORS.get(major)
    if floor is None:
        return VERSION.warning(
            f"Asterisk is {version}; agi-router is tested with {TESTED} and supports 20",
            f"run Asterisk {_dotted(FLOORS[TESTED])} or later of that branch",
        )
    if (major, minor, patch) < floor or ((major, minor, patch) == floor and numbers[4]):
        return VERSION.warning(
            f"Asterisk is {version}; before {_dotted(floor)} there are known security holes in ARI",
            f"update Asterisk to {_dotted(floor)} or later",
        )
    return VERSION.ok(f"Asterisk is {version}, not below the security floor {_dotted(floor)}")


def judge_clock(ahead_s: float) -> Finding:
    """Times of calls come from here, those of Asterisk's own log and CDR from there."""
    direction = "before" if ahead_s > 0 else "behind"
    if abs(ahead_s) > CLOCK_TOLERANCE_S:
        return CLOCK.warning(
            f"Asterisk's clock is {abs(ahead_s):.0f} s {direction} this machine's",
            "set both by NTP (timedatectl set-ntp true): else the call log and Asterisk's own logs cannot be compared",
        )
    return CLOCK.ok("Asterisk's clock and this machine's agree")


def judge_recordings(fail: bool) -> Finding:
    """Whether Asterisk can read its folder of recordings."""
    if fail:
        return RECORDINGS.error(
            "Asterisk cannot read its folder of recordings: no call can be recorded",
            "make it where Asterisk runs, for Asterisk's user: install -d -o asterisk /var/spool/asterisk/recording",
        )
    return RECORDINGS.ok("Asterisk has its folder of recordings")


def _reason(error: Exception) -> str:
    return str(error) or "no answer in time"


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
