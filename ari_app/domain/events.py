"""What happens to a call, as facts. The log, the trace and the live story are folds over these.

A new kind of event is a new frozen dataclass here, in the union `CallEvent`, and a line in each fold's match.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Every event has its moment, in UTC."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallArrived(Happened):
    """A caller was handed over. `caller_number` is "" when withheld or absent.

    `door` is the one that he came by: ari (his call is the router's), or agi (decided by the router, and dialled by the
    dialplan).
    """

    route: str
    called_number: str
    caller_number: str
    caller_name: str
    caller_withheld: bool
    channel_id: str
    door: str = "ari"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequested(Happened):
    """Somebody asked for a call: a user (`user`, his id, "" for anybody of a team) is to speak with `number`.

    `first` is who is rung first, agent or customer; `name` is whose number it is, `caller_id` the number of ours that
    is shown to him, `campaign` its id, `key` tells who asked. `talk_s` limits the talk (0: no limit), and a tone
    is heard `warn_s` before its end. `record` is whether it is to be recorded (None: as configured), `recording` what
    is configured: `mode`, `announcement` and `announce_to`.
    """

    first: str
    user: str
    user_name: str
    number: str
    name: str = ""
    caller_id: str = ""
    campaign: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    key: str = ""
    talk_s: float = 0
    warn_s: float = 0
    record: bool | None = None
    recording: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswered(Happened):
    """The side of a requested call that was rung first has picked up: this leg is the caller from now on."""

    leg: str
    channel_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideHours(Happened):
    """The route is closed, by the hours of its calendar: nothing is asked.

    `local_time` and `opens` are in the calendar's zone, ISO 8601 with its offset; `opens` is "" when it does not open
    in the next 400 days. `holiday` is the one that closes it, as it was written, "" when it is closed then every week.
    """

    calendar: str
    zone: str
    local_time: str
    holiday: str = ""
    opens: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEntered(Happened):
    """The call goes on by another route, to which a number has led: its API is asked, its fallback comes after it."""

    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSent(Happened):
    """The lookup's request left; secrets are masked."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReceived(Happened):
    """The API answered; `elapsed_ms` counts from the moment its request left."""

    status: int
    body: str
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(Happened):
    """One URL of the lookup came to nothing, and another one is asked next."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerDescribed(Happened):
    """The answer carried more than a destination, for the phones and the dialplan: what there was, sanitised.

    `ring_s` is the time to ring that it asks for, `record` whether the talk is to be recorded; `notes` are
    sentences on what was of no use.
    """

    caller_name: str = ""
    ring_s: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    record: bool | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationFound(Happened):
    """The value at the path named a destination.

    `source` is answer, cache (an answer of a moment ago, nothing was asked) or last_good (the API is down, and this is
    what it last said for the caller); `age_s` is how long ago the API said so.
    """

    value: str
    destination_type: str
    destination: str
    source: str = "answer"
    age_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFailed(Happened):
    """The lookup gave no destination; the caller's last good answer may stand in for it, then the fallback comes."""

    code: str
    message: str
    remedy: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallFailed(Happened):
    """The API is down, and the caller's last good answer, `age_s` old, leads nowhere by now; the fallback comes."""

    code: str
    message: str
    remedy: str
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed(Happened):
    """The API is asked, and what it last said for this caller is taken for its answer until it comes.

    `ahead` is what is done for the destination meanwhile: create (its channels, nothing rings) or ring.
    """

    ahead: str
    destination_type: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessJudged(Happened):
    """The answer is in. `outcome` is right, partly (some of the same devices are called) or wrong.

    `too_late` are the headers that it brings and that phones which ring already could not be given.
    """

    outcome: str
    too_late: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Happened):
    """A step of the chain begins. `step` counts from 1; `team` is the id of the team that rings, "" when none does,
    and `order` the one in which it rings.
    """

    step: int
    destination_type: str
    destination: str
    timeout_s: float
    team: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded(Happened):
    """A step ended.

    `outcome` is answered, or why not: busy, no_answer, declined, unavailable, refused, failed, cancelled; of an
    announcement it is played. `code`, `detail` and `remedy` are the reason of a refusal, or of a failure that has one.
    """

    step: int
    outcome: str
    code: str = ""
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCalled(Happened):
    """It is this member's turn to ring; `user` is his id, `name` what people call him."""

    user: str
    name: str
    ring_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPassed(Happened):
    """A member does not ring now; `is_awaited`: he will, once he is free.

    `why` is in_call, wrap_up (for `for_s` seconds more), dnd, or unable: then `detail` tells more.
    """

    user: str
    name: str
    why: str
    for_s: float | None = None
    is_awaited: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAgentFound(Happened):
    """This user spoke with the caller last, in a talk that ended `age_s` seconds ago. `name` is for people."""

    user: str
    name: str
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUnavailable(Happened):
    """A device of the step has no leg: it is not registered, or Asterisk does not know it."""

    endpoint: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkSkipped(Happened):
    """A trunk is known to be down, and is passed over."""

    trunk: str
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRefused(Happened):
    """A number outside is not dialled: a limit of the dial policy is reached. `user` is the id of the one whose it is.

    `code`, `detail` and `remedy` tell which limit, whose it is, and when there is room again.
    """

    number: str
    trunk: str
    code: str
    detail: str
    remedy: str
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitNear(Happened):
    """A limit of the dial policy is near, or reached by this call. `limit` is its key in the configuration.

    `scope` says whose calls are counted: all calls, a route or an API key.
    """

    limit: str
    scope: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegDialled(Happened):
    """An INVITE is on its way to one contact. `leg` is the leg's role in the call ("leg-1").

    `user` is the id of the user who is called by it, "" for nobody of the directory.
    """

    leg: str
    endpoint: str
    contact: str
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging(Happened):
    """The phone at the leg's end rings."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegProgressed(Happened):
    """Sound comes from the leg's end before any answer (SIP 183): a ring-back tone, an announcement."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered(Happened):
    """The phone at the leg's end was picked up."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationAsked(Happened):
    """Whoever picked up the phone at the leg's end is asked to press this key, and has not answered before."""

    leg: str
    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegConfirmed(Happened):
    """The key was pressed: now the leg has answered."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRedirected(Happened):
    """A phone has redirected its call to `target` (SIP 302), which rings instead; with a `code`, why it does not."""

    leg: str
    target: str
    code: str = ""
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(Happened):
    """A leg is gone. `outcome` is a word of `causes.LegOutcome`; the causes are Q.850 and the SIP status."""

    leg: str
    outcome: str
    cause: int
    tech_cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(Happened):
    """The caller was answered and speaks with this leg."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAnswered(Happened):
    """A member of the queue answered the caller: `member` is the endpoint, or the channel of another kind of member.

    `user` is the id of the user whose endpoint it is, "" for nobody of the directory.
    """

    member: str
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredEarly(Happened):
    """The caller was answered before anybody spoke with him: it costs him.

    `answer` is why: for the waiting, as his route wants it (now or on_wait), or for a `step` that he is to hear.
    """

    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Happened):
    """The Hold key of a phone was pressed. `party` is the leg's role, or "caller"."""

    party: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Happened):
    """The talk goes on after a hold."""

    party: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered(Happened):
    """Somebody had this done to the live call, by a command or a program.

    `action` is hang_up, hold, resume, mute, unmute, dtmf, record_pause or record_resume; `party` is who acted by it, ""
    for the call as a whole. Of dtmf `value` is how many keys were sent, of a recording its name.
    """

    action: str
    party: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAnnounced(Happened):
    """Those who are about to be recorded were told so: they heard `sounds`, joined by commas, to their end.

    `to` is both, or customer.
    """

    sounds: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted(Happened):
    """Both sides are recorded from now on: `file` is in Asterisk's spool, below `recording`.

    `by` is who wants it: route, answer (of the API), request (for the call that was asked for), or command.
    """

    name: str
    file: str
    by: str = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEnded(Happened):
    """The recording was stopped, or the call is over."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStored(Happened):
    """Its file has been fetched from Asterisk, and is whole in the store: `place` there, `seconds` of sound."""

    name: str
    place: str
    size: int
    sha256: str
    media_type: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(Happened):
    """Nothing was recorded, and `name` is "", or what was recorded could not be fetched and is lost."""

    code: str
    detail: str
    remedy: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferAsked(Happened):
    """The Transfer key of a phone was pressed. `by` is the leg's role, or "caller"; `kind` is blind or attended.

    `target` is what was dialled, the destination what that means ("" for attended: whom the phone spoke with).
    `by_command`: no key was pressed, somebody asked for it from outside.
    """

    by: str
    kind: str
    target: str
    destination_type: str = ""
    destination: str = ""
    by_command: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailed(Happened):
    """A transfer came to nothing; when the phone that asked for it is still there, the talk goes on as before.

    `outcome` is a word of StepEnded, gone (whom it spoke with hung up), or taken_back; `code`, `detail` and `remedy`
    are the reason of a refusal.
    """

    by: str
    outcome: str
    code: str = ""
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegJoined(Happened):
    """A party of another call became a leg of this one: `call_id` is that call, "" when it was none of the router's."""

    leg: str
    endpoint: str
    contact: str
    channel_id: str
    user: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred(Happened):
    """`leg` speaks in the place of `by`.

    When `by` is the caller, whom he spoke with is the caller from now on: his channel is `caller_channel_id`.
    """

    by: str
    leg: str
    caller_channel_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecovered(Happened):
    """The router found this call after it had lost sight of it, by its own restart or a lost connection.

    `found` says in what state.
    """

    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentToDialplan(Happened):
    """The caller went on in the dialplan.

    `where` is the place that was the step's destination, "context,exten,priority"; "" for the lines after `Stasis()`,
    as nothing was left to try here. `mailbox` is the one in which he may leave a message there.
    """

    reason: str
    where: str = ""
    mailbox: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailLeft(Happened):
    """The caller, who went on to a mailbox ("101@default"), has left a message there.

    `message_id` is Asterisk's, `seconds` the length of the sound. `recording` is the id of its copy in the store, where
    that is `place`; "" when there is none, and `reason` says why.
    """

    mailbox: str
    message_id: str = ""
    seconds: float | None = None
    recording: str = ""
    place: str = ""
    size: int = 0
    sha256: str = ""
    media_type: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFound(Happened):
    """A CRM knows whose number the other side of the call has, the one outside.

    `connector` is the CRM's name in the configuration, `contact_id` the contact's id there, `owner` the CRM's id of the
    user who looks after him, `url` his page. `source` is crm, phone_book (the router's copy), created (he was unknown),
    or chosen (by somebody, later; the last one counts). `matched` is the form of the number that the CRM knew.
    """

    connector: str
    contact_id: str
    number: str
    name: str = ""
    company: str = ""
    kind: str = "person"
    owner: str = ""
    url: str = ""
    source: str = "crm"
    matched: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactNotFound(Happened):
    """A CRM does not tell whose number it is. `outcome` is unknown, several or failed.

    Of several, `candidates` are those to choose from, each with `id`, `name` and `company`. `code`, `message` and
    `remedy` tell why it failed.
    """

    connector: str
    number: str
    outcome: str
    candidates: list[dict[str, str]] = field(default_factory=list)
    code: str = ""
    message: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Happened):
    """The call is over. `by` is caller, callee, requester, command, router or unknown; the cause is Q.850."""

    by: str
    cause: int
    reason: str = ""


CallEvent = (
    CallArrived
    | CallRequested
    | FirstAnswered
    | RouteEntered
    | OutsideHours
    | RequestSent
    | AnswerReceived
    | AttemptFailed
    | CallerDescribed
    | DestinationFound
    | LookupFailed
    | RecallFailed
    | Guessed
    | GuessJudged
    | StepStarted
    | StepEnded
    | MemberCalled
    | MemberPassed
    | LastAgentFound
    | DeviceUnavailable
    | TrunkSkipped
    | NumberRefused
    | LimitNear
    | LegDialled
    | LegRinging
    | LegProgressed
    | LegAnswered
    | ConfirmationAsked
    | LegConfirmed
    | LegRedirected
    | LegEnded
    | QueueAnswered
    | AnsweredEarly
    | CallAnswered
    | Held
    | Resumed
    | Steered
    | RecordingAnnounced
    | RecordingStarted
    | RecordingEnded
    | RecordingStored
    | RecordingFailed
    | TransferAsked
    | TransferFailed
    | LegJoined
    | Transferred
    | CallRecovered
    | SentToDialplan
    | VoicemailLeft
    | ContactFound
    | ContactNotFound
    | CallEnded
)
