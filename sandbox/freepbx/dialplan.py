"""The dialplan as FreePBX arranges it: extensions.conf, and extensions_additional.conf as it generates that one."""

from sandbox.freepbx.pages import CustomDestination, Extension, InboundRoute, Pages, Queue, RingGroup


def additional(pages: Pages) -> str:
    """extensions_additional.conf: what is made anew at each "Apply Config"."""
    return "\n".join(
        (
            FIXED,
            "[ext-did]\ninclude => ext-did-0001\ninclude => ext-did-0002\n",
            "[ext-did-0002]",
            *(_inbound_route(it) for it in pages.inbound_routes if it.did),
            "[ext-did-0001]",
            *(_inbound_route(it) for it in pages.inbound_routes if not it.did),
            "[ext-did-catchall]",
            *(CATCH_ALL for it in pages.inbound_routes if not it.did),
            "[customdests]",
            *(_custom_destination(number, it) for number, it in enumerate(pages.custom_destinations, 1)),
            "[ext-local]",
            *(EXTENSION.format(it=it) for it in pages.extensions),
            "[ext-findmefollow]",
            *(_follow_me(it) for it in pages.extensions if it.follow_me),
            "[ext-group]",
            *(_ring_group(it) for it in pages.ring_groups),
            "[ext-queues]",
            *(_queue(it) for it in pages.queues),
            FROM_QUEUE,
            *(f"exten => {it.number},1,Goto(from-internal,${{QAGENT}},1)" for it in pages.queues),
            "",
        )
    )


def _inbound_route(route: InboundRoute) -> str:
    did = route.did or "s"
    knows_did = "Set(__FROM_DID=${EXTEN})" if route.did else 'ExecIf($["${FROM_DID}" = ""]?Set(__FROM_DID=${EXTEN}))'
    recording = "force" if route.record else "dontcare"
    return f"""\
exten => {did},1,Set(__DIRECTION=INBOUND)
 same => n,Gosub(sub-record-check,s,1(in,${{EXTEN}},{recording}))
 same => n,{knows_did}
 same => n,Set(CDR(did)=${{FROM_DID}})
 same => n,ExecIf($["${{CALLERID(name)}}" = ""]?Set(CALLERID(name)=${{CALLERID(num)}}))
 same => n,Set(__MOHCLASS=)
 same => n,Set(__CALLINGNAMEPRES_SV=${{CALLERID(name-pres)}})
 same => n,Set(__CALLINGNUMPRES_SV=${{CALLERID(num-pres)}})
 same => n,Set(CALLERID(name-pres)=allowed_not_screened)
 same => n,Set(CALLERID(num-pres)=allowed_not_screened)
 same => n(dest-ext),Goto({route.destination})
"""


def _custom_destination(number: int, destination: CustomDestination) -> str:
    exten = f"exten => dest-{number},1"
    if destination.returns_to is None:
        return f"{exten},Goto({destination.target})\n"
    return f"{exten},Gosub({destination.target}())\n same => n,Goto({destination.returns_to})\n"


def _follow_me(extension: Extension) -> str:
    also = "&".join(f"Local/{it}@ext-local/n" for it in extension.follow_me)
    return f"""\
exten => {extension.number},1,GotoIf($["${{DB(AMPUSER/${{EXTEN}}/followme/ddial)}}" != "DIRECT"]?ext-local,${{EXTEN}},1)
 same => n,Set(__NODEST=${{EXTEN}})
 same => n,Gosub(macro-dial-one,s,1(1,${{DIAL_OPTIONS}},${{EXTEN}}))
 same => n,Dial({also}&Local/${{EXTEN}}@ext-local/n,20,${{DIAL_OPTIONS}})
 same => n,Set(__NODEST=)
 same => n,Goto(ext-local,vmu${{EXTEN}},1)
"""


def _ring_group(group: RingGroup) -> str:
    members = "&".join(f"Local/{it}@ext-local/n" for it in group.members)
    return f"""\
exten => {group.number},1,Gosub(macro-user-callerid,s,1())
 same => n,Set(__NODEST=${{EXTEN}})
 same => n,Dial({members},20,${{DIAL_OPTIONS}})
 same => n,Set(__NODEST=)
 same => n,Goto({group.no_answer})
"""


def _queue(queue: Queue) -> str:
    return f"""\
exten => {queue.number},1,Gosub(macro-user-callerid,s,1())
 same => n,Answer()
 same => n,Set(__NODEST=${{EXTEN}})
 same => n,Queue({queue.number},t,,,30)
 same => n,Set(__NODEST=)
 same => n,Goto({queue.no_answer})
"""


# The fixed file, which includes the generated one and the administrator's own.
EXTENSIONS = """\
#include extensions_override_freepbx.conf
#include extensions_additional.conf
#include extensions_custom.conf

[from-trunk]
include => from-pstn

[from-pstn]
include => from-pstn-custom
include => ext-did
include => ext-did-post-custom
include => from-did-direct
include => ext-did-catchall

[from-did-direct]
include => ext-findmefollow
include => ext-local

[from-internal]
include => from-internal-noxfer
include => from-internal-xfer
exten => h,1,Gosub(macro-hangupcall,s,1())

[from-internal-noxfer]
include => from-internal-noxfer-custom

[from-internal-xfer]
include => from-internal-custom
include => from-internal-additional
exten => h,1,Gosub(macro-hangupcall,s,1())
"""

FIXED = """\
[globals]
DIAL_OPTIONS = HhTtr
RINGTIMER = 15
TRANSFER_CONTEXT = from-internal-xfer
MIXMON_DIR = /var/spool/asterisk/monitor/
#include globals_custom.conf

[from-internal-additional]
include => app-dnd-on
include => app-dnd-off
include => ext-findmefollow
include => ext-local
include => ext-group
include => ext-queues
include => parkedcalls
include => app-parking

[parkedcalls]

[parkedcallstimeout]
exten => _[0-9a-zA-Z*#].,1,Hangup()

[app-parking]
exten => *88,1,Park()

[macro-user-callerid]
exten => s,1,Set(AMPUSER=${IF($["${AMPUSER}" = ""]?${CALLERID(num)}:${AMPUSER})})
 same => n,Set(AMPUSER=${DB(DEVICE/${AMPUSER}/user)})
 same => n,ExecIf($["${AMPUSER}" != ""]?Set(CALLERID(all)="${DB(AMPUSER/${AMPUSER}/cidname)}" <${AMPUSER}>))
 same => n,Return()

[macro-hangupcall]
exten => s,1,Hangup()

[macro-exten-vm]
; ARG1: the mailbox, ARG2: the extension
exten => s,1,Gosub(macro-user-callerid,s,1())
 same => n,Set(__EXTTOCALL=${ARG2})
 same => n,Gosub(macro-dial-one,s,1(${RINGTIMER},${DIAL_OPTIONS},${ARG2}))
 same => n,Goto(ext-local,vm${IF($["${DIALSTATUS}" = "BUSY"]?b:u)}${ARG2},1)

[macro-dial-one]
; ARG1: the seconds, ARG2: the options of Dial(), ARG3: the extension
exten => s,1,Set(DEXTEN=${ARG3})
 same => n,Set(DIALSTATUS=BUSY)
 same => n,ExecIf($["${DB(DND/${DEXTEN})}" != ""]?Return())
 same => n,Set(DSTRING=${PJSIP_DIAL_CONTACTS(${CUT(DB(DEVICE/${DEXTEN}/dial),/,2)})})
 same => n,ExecIf($["${DB(CF/${DEXTEN})}" != ""]?Set(DSTRING=Local/${DB(CF/${DEXTEN})}@from-internal/n))
 same => n,Set(DIALSTATUS=CHANUNAVAIL)
 same => n,ExecIf($["${DSTRING}" = ""]?Return())
 same => n,Dial(${DSTRING},${ARG1},${ARG2})
 same => n,Return()

[sub-record-check]
; ARG1: the kind of call, ARG2: the extension, ARG3: the mode
exten => s,1,ExecIf($["${ARG3}" != "force"]?Return())
 same => n,Set(__CALLFILENAME=${ARG1}-${ARG2}-${UNIQUEID})
 same => n,MixMonitor(${MIXMON_DIR}${CALLFILENAME}.wav,abi(LOCAL_MIXMON_ID))
 same => n,Set(CDR(recordingfile)=${CALLFILENAME}.wav)
 same => n,Return()

[app-dnd-on]
exten => *78,1,Answer()
 same => n,Gosub(macro-user-callerid,s,1())
 same => n,Set(DB(DND/${AMPUSER})=YES)
 same => n,Set(DEVICE_STATE(Custom:DND${AMPUSER})=BUSY)
 same => n,Hangup()

[app-dnd-off]
exten => *79,1,Answer()
 same => n,Gosub(macro-user-callerid,s,1())
 same => n,NoOp(${DB_DELETE(DND/${AMPUSER})})
 same => n,Set(DEVICE_STATE(Custom:DND${AMPUSER})=UNAVAILABLE)
 same => n,Hangup()

[app-blackhole]
exten => hangup,1,Hangup()
exten => busy,1,Busy(20)
"""

CATCH_ALL = """\
exten => _.,1,Set(__FROM_DID=${EXTEN})
 same => n,Goto(ext-did,s,1)
"""

EXTENSION = """\
exten => {it.number},1,Gosub(macro-exten-vm,s,1({it.number},{it.number}))
exten => {it.number},hint,PJSIP/{it.number}&Custom:DND{it.number}
exten => vmb{it.number},1,VoiceMail({it.number}@default,b)
 same => n,Hangup()
exten => vmu{it.number},1,VoiceMail({it.number}@default,u)
 same => n,Hangup()
"""

FROM_QUEUE = """\
[from-queue]
exten => _X.,1,Set(QAGENT=${EXTEN})
 same => n,GotoIf($["${NODEST}" = ""]?hangup)
 same => n,GotoIf($["${DIALPLAN_EXISTS(from-queue,${NODEST},1)}" = "1"]?${NODEST},1)
 same => n(hangup),Hangup()
"""
