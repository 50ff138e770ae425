"""The modules of Asterisk without which something of ours does not work."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from agi_router.routing.destination import AnnouncementDestination, QueueDestination, VoicemailDestination
from ari_app.doctor.finding import Finding, Group, Topic

MODULES = Topic("modules", Group.ASTERISK)


@dataclass(frozen=True, slots=True)
class Module:
    """`any_of` does the work; without it `missing` happens. `is_vital` when calls need it."""

    any_of: tuple[str, ...]
    missing: str
    is_vital: bool = True


def _vital(name: str, missing: str) -> Module:
    return Module((name,), missing)


def _useful(name: str, missing: str) -> Module:
    return Module((name,), missing, is_vital=False)


NEEDED: Final = (
    _vital("app_stasis.so", "the dialplan cannot hand calls over: there is no Stasis()"),
    _vital("res_stasis.so", "no application can take calls"),
    _vital("res_stasis_answer.so", "the caller cannot be answered"),
    _vital("res_ari_events.so", "the router cannot connect: there is no event stream"),
    _vital("res_ari_channels.so", "no phone can be rung"),
    _vital("res_ari_bridges.so", "nobody can be connected"),
    _vital("res_ari_applications.so", "the router cannot find its calls again after a restart, nor filter events"),
    _useful("res_ari_asterisk.so", "version and modules of Asterisk cannot be told"),
    _useful("res_ari_endpoints.so", "test-route and the doctor cannot tell the state of devices"),
    _useful("res_ari_playbacks.so", "announcements cannot be ended when somebody answers"),
    _useful("res_musiconhold.so", "there is no music for callers who wait"),
    _useful("chan_bridge_media.so", "no tone tells that a talk is near its limit"),
    _useful("res_stasis_device_state.so", "nobody is known to be busy on a phone, or on DND"),
    _useful("res_ari_device_states.so", "who is busy already when the router connects is not known"),
    _useful("func_devstate.so", "the codes for DND do not work: there is no DEVICE_STATE()"),
    _useful("res_ari_recordings.so", "nothing can be recorded"),
    _vital("chan_pjsip.so", "no phone can be rung: there is no PJSIP"),
    _vital("res_pjsip_registrar.so", "no phone can register"),
    _useful("res_pjsip_rfc3326.so", "phones that lost the call show a missed one: they are not told who answered"),
    _useful("res_pjsip_header_funcs.so", "requests cannot name SIP headers of the call: there is no PJSIP_HEADER()"),
    _useful("res_pjsip_caller_id.so", "phones and trunks are not told who calls, nor trusted with it"),
    Module(("bridge_simple.so", "bridge_softmix.so"), "nobody can be connected"),
    _useful("res_pjsip_messaging.so", "text messages are neither sent to phones nor received from them"),
    _vital("pbx_config.so", "there is no dialplan"),
    _vital("func_channel.so", "the hangup guard cannot be set: there is no CHANNEL()"),
    _vital("func_callerid.so", "callers cannot withhold their number: there is no CALLERID()"),
    _vital("func_strings.so", "called numbers get lost: there is no FILTER()"),
    _vital("func_timeout.so", "no call has a longest time: there is no TIMEOUT()"),
    _vital("func_logic.so", "the fallback hangs up without a cause: there is no IF()"),
    _vital("app_exec.so", "calls have no default route and no fallback: there is no ExecIf()"),
    _vital("app_softhangup.so", "the hangup guard does not work: there is no SoftHangup()"),
    _vital("app_stack.so", "the hangup guard does not end: there is no Return()"),
    _useful("app_verbose.so", "the fallback is not logged: there is no Verbose()"),
    _useful("app_dial.so", "AGI_ROUTER_FALLBACK cannot be dialled: there is no Dial()"),
    _useful("func_dialplan.so", "no step may go to the dialplan, nor the doctor look into it: no DIALPLAN_EXISTS()"),
    _useful("func_pjsip_endpoint.so", "the doctor cannot look into trunks: there is no PJSIP_ENDPOINT()"),
    _useful("func_pjsip_aor.so", "the doctor cannot look into trunks: there is no PJSIP_AOR()"),
    _useful("func_pjsip_contact.so", "the doctor cannot look into trunks: there is no PJSIP_CONTACT()"),
)


FOR_DESTINATIONS: Final = {
    AnnouncementDestination.type: _vital("res_stasis_playback.so", "no caller can hear an announcement"),
    QueueDestination.type: _vital("app_queue.so", "no caller can wait in a queue: there is no Queue()"),
    VoicemailDestination.type: _vital("app_voicemail.so", "no caller can leave a message: there is no VoiceMail()"),
}
"""By types of destinations, the modules that only they need."""


FOR_AGI_DOOR: Final = (
    _vital("res_agi.so", "the dialplan cannot ask the router: there is no AGI()"),
    _vital("app_dial.so", "the dialplan cannot dial what the router answers: there is no Dial()"),
    _vital("func_strings.so", "the router cannot set its answer: there is no ARRAY()"),
    _useful("app_originate.so", "talks with numbers outside count only when they are over: there is no Originate()"),
    _useful("func_hangupcause.so", "why a leg came to nothing is not known: there is no HANGUPCAUSE()"),
    _useful("func_uri.so", "which of two phones of one device has answered is a guess: there is no URIENCODE()"),
    _useful("app_read.so", "nobody can confirm a call by a key: there is no Read()"),
)
"""What only the AGI door needs, or needs more than others do."""


def modules_for(destination_types: Set[str], *, has_agi_door: bool = False) -> tuple[Module, ...]:
    """The modules that a configuration with these types of destinations needs."""
    door = FOR_AGI_DOOR if has_agi_door else ()
    of_door = {module.any_of for module in door}
    others = (module for module in NEEDED if module.any_of not in of_door)
    return (*others, *door, *(module for type_, module in FOR_DESTINATIONS.items() if type_ in destination_types))


def judge_modules(loaded: Mapping[str, bool], needed: Sequence[Module] = NEEDED) -> list[Finding]:
    """One finding for each that is missing; `loaded` tells of each module whether it runs."""
    missing = [module for module in needed if not any(loaded.get(name) for name in module.any_of)]
    if not missing:
        return [MODULES.ok(f"all {len(needed)} modules that calls and this command need run")]
    return [_finding(module, loaded) for module in missing]


def _finding(module: Module, loaded: Mapping[str, bool]) -> Finding:
    name = module.any_of[0]
    how = "is loaded but does not run" if name in loaded else "is not loaded"
    found = f"{' or '.join(module.any_of)} {how}: {module.missing}"
    remedy = f'asterisk -rx "module load {name}", and see that modules.conf loads it at each start'
    topic = MODULES.of(name.removesuffix(".so"))
    return topic.error(found, remedy) if module.is_vital else topic.warning(found, remedy)
