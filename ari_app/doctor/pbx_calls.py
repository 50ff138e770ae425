"""Whether Asterisk tells of the calls that it carries by itself, as the history wants it."""

from collections.abc import Sequence
from typing import Final

from ari_app.asterisk.ami_hearing import Heard, hear_calls
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.pbx_calls import Source
from ari_app.calls.ports import TelephonyError
from ari_app.control.settings import ControlError
from ari_app.doctor.check import DEADLINE_S, Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.router import Status
from ari_app.settings import Settings

HISTORY: Final = Topic("history", Group.ASTERISK)
OFF: Final = "or say history: {pbx_calls: off}, if only the router's own calls are to be on record"


def history_checks(settings: Settings) -> list[Check]:
    """None where only the router's own calls are wanted."""
    ami, wanted = settings.asterisk.ami, settings.history.pbx_calls
    if ami is None or wanted is None:
        return []

    async def ask() -> Sequence[Finding]:
        try:
            heard = await hear_calls(ami, settings.asterisk.ari)
        except TelephonyError as error:
            return [HISTORY.skipped(f"Asterisk could not be heard: {error}", "first mend ami and ari")]
        return [judge_heard(ami, wanted, heard)]

    return [Check(HISTORY, ask, 2 * DEADLINE_S)]


def judge_heard(ami: AmiSettings, wanted: Source, heard: Heard) -> Finding:
    """What comes, beside what is wanted."""
    user = f"section [{ami.username}] of manager.conf"
    if wanted is not Source.CDR and heard.cel:
        if heard.stamped:
            return HISTORY.ok("Asterisk tells of every call by CEL")
        return HISTORY.warning(
            "Asterisk tells of every call by CEL, but not when things happened: its events come up to a second late",
            'timestampevents = yes under [general] of manager.conf; then asterisk -rx "manager reload"',
        )
    if wanted is not Source.CEL and heard.cdr:
        told = "Asterisk tells of calls by call detail records" + ("" if wanted is Source.CDR else "; CEL tells more")
        return HISTORY.ok(f"{told}. linkedid must be mapped in cdr_manager.conf: agi-router dialplan cdr_manager.conf")
    if wanted is Source.CDR:
        return HISTORY.warning(
            "no call detail record comes, so calls that the router does not carry are not on record",
            "cdr_manager.conf as agi-router dialplan cdr_manager.conf has it, asterisk -rx "
            f'"module load cdr_manager.so", and read = agent,cdr in {user}; {OFF}',
        )
    return HISTORY.warning(
        "no CEL event comes, so calls that the router does not carry are not on record",
        f'cel.conf as agi-router dialplan cel.conf has it, asterisk -rx "module load cel_manager.so", '
        f'read = agent,call in {user} and CEL in its eventfilter, then asterisk -rx "module reload cel" and '
        f'"manager reload"; {OFF}',
    )


def told_findings(answer: Status | ControlError) -> list[Finding]:
    """What the running router has heard that cannot be put together."""
    if isinstance(answer, ControlError) or not answer.get("pbx_cdr_alone"):
        return []
    return [
        HISTORY.of("linkedid").warning(
            f"{answer['pbx_cdr_alone']} call detail records came without a LinkedID: each is a call of its own",
            '[mappings] linkedid => LinkedID in cdr_manager.conf; then asterisk -rx "module reload cdr_manager.so"',
        )
    ]
