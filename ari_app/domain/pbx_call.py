"""One call of the PBX, as its events leave it: a fold that needs neither all of them nor their order.

Each moment is the earliest or the latest that was told, so that a duplicate changes nothing, and what is missing leaves
a blank. What it all means is told by `ari_app.domain.pbx_record`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from ari_app.domain.pbx_events import ChannelEvent, ChannelKind, DetailRecord, PbxEvent, QueueEvent, QueueKind
from ari_app.domain.pbx_names import is_party

MAX_PARTIES: Final = 200
"""Channels of one call. A queue that rings ten phones every five seconds needs them in 100 s; later tries are lost."""
MAX_VISITS: Final = 50
"""Of queues, and dials of the caller, in one call."""
QUEUE: Final = "Queue"
DIAL: Final = "Dial"
_CAUSES: Final = {"ANSWERED": 16, "NO ANSWER": 0, "BUSY": 17, "FAILED": 38, "CONGESTION": 34}


@dataclass(slots=True, kw_only=True)
class Party:
    """A channel. `source` is who hung it up; of one that was in a bridge before we looked only `spoke` is known."""

    channel: str
    began_at: datetime
    uniqueid: str = ""
    answered_at: datetime | None = None
    bridged_at: datetime | None = None
    left_at: datetime | None = None
    ended_at: datetime | None = None
    spoke: bool = False
    transferred: bool = False
    number: str = ""
    name: str = ""
    exten: str = ""
    context: str = ""
    dialled: str = ""  # what a caller called first; of a leg that a Cdr tells, what it was called with
    applications: frozenset[str] = frozenset()
    cause: int | None = None
    source: str = ""
    dialled_status: str = ""


@dataclass(slots=True, kw_only=True)
class Visit:
    """A caller in a queue. `told` by the queue itself; else by the application that he was in."""

    queue: str
    channel: str
    began_at: datetime
    told: bool
    answered_at: datetime | None = None
    left_at: datetime | None = None
    ended_at: datetime | None = None
    member: str = ""
    abandoned: bool = False


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a channel of the call had dialled: `data` names them, `exten` is where it stood in the dialplan."""

    at: datetime
    channel: str
    exten: str
    data: str


@dataclass(slots=True)
class PbxCall:
    """All that is known of one linkedid. `whole` is False when a part of it may have been missed.

    `first_at` is when the oldest of its channels began, after which it is named, once that was told.
    """

    linkedid: str
    began_at: datetime
    last_at: datetime
    first_at: datetime | None = None
    parties: dict[str, Party] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    dials: list[Dialled] = field(default_factory=list)
    has_cel: bool = False
    has_cdr: bool = False
    is_last_gone: bool = False
    whole: bool = True

    @classmethod
    def of(cls, event: PbxEvent) -> "PbxCall":
        """A call whose first event this is; it is not taken yet."""
        match event:
            case ChannelEvent():
                whole = event.kind is ChannelKind.START and event.uniqueid == event.linkedid
            case QueueEvent():  # it may overtake the first one of CEL, but not that by which the caller joined
                whole = event.kind is QueueKind.JOIN
            case DetailRecord():  # it comes at the end, and tells all that it can
                whole = True
        return cls(event.linkedid, event.at, event.at, whole=whole)

    @property
    def is_over(self) -> bool:
        """Whether no channel that we know of is left: nothing but stragglers will come."""
        if self.is_last_gone:
            return True
        if self.has_cel:
            return bool(self.parties) and all(party.ended_at for party in self.parties.values())
        return (self.has_cdr or bool(self.visits)) and all(map(self._is_visit_over, self.visits))

    def _is_visit_over(self, visit: Visit) -> bool:
        """Whether the queue has told its end, or a detail record that the caller has gone: a queue may tell neither."""
        caller = self.parties.get(visit.channel)
        return visit.ended_at is not None or (self.has_cdr and caller is not None and caller.ended_at is not None)

    def take(self, event: PbxEvent, *, cdr: bool = True) -> None:
        """Take one more event. With CEL, or without `cdr`, call detail records are not looked at."""
        self.last_at = max(self.last_at, event.at)
        match event:
            case ChannelEvent():
                self._forget_details()
                self._take_channel(event)
            case QueueEvent():
                self._take_queue(event)
            case DetailRecord():
                if cdr and not self.has_cel:
                    self._take_detail(event)
            case _:
                assert_never(event)

    def absorb(self, behind: "PbxCall") -> None:
        """Take over what turned out to be of this call."""
        for channel, party in behind.parties.items():
            if len(self.parties) < MAX_PARTIES:
                self.parties.setdefault(channel, party)
        self.visits = (self.visits + behind.visits)[:MAX_VISITS]
        self.dials = (self.dials + behind.dials)[:MAX_VISITS]
        self.began_at = min(self.began_at, behind.began_at)
        self.has_cdr = self.has_cdr or behind.has_cdr

    def _forget_details(self) -> None:
        """CEL tells all that a Cdr tells, and more exactly."""
        if self.has_cdr:
            self.parties.clear()
            self.dials.clear()
            self.visits = [visit for visit in self.visits if visit.told]
        self.has_cel, self.has_cdr = True, False

    def _party(self, channel: str, uniqueid: str, at: datetime, *, begins: bool = False) -> Party | None:
        party = self.parties.get(channel)
        if party is None:
            if len(self.parties) >= MAX_PARTIES:
                self.whole = False
                return None
            began_at = at if begins else self._there_since(uniqueid, at)
            party = self.parties[channel] = Party(channel=channel, began_at=began_at, uniqueid=uniqueid)
            self.began_at = min(self.began_at, began_at)
        party.uniqueid = party.uniqueid or uniqueid
        return party

    def _there_since(self, uniqueid: str, at: datetime) -> datetime:
        """Since when a channel has been there that we had not looked at: its id has the second in which it began."""
        by_id = min(at, began_by_id(uniqueid) or at)
        return by_id if self.first_at is None else max(by_id, self.first_at)

    def _take_channel(self, event: ChannelEvent) -> None:
        if event.kind is ChannelKind.LAST:
            self.is_last_gone = True
            return
        at = event.at
        party = self._party(event.channel, event.uniqueid, at, begins=event.kind is ChannelKind.START)
        if party is None:
            return
        _describe(party, event)
        party.began_at = min(party.began_at, at)
        match event.kind:
            case ChannelKind.START:
                known = (party.answered_at, party.bridged_at, party.left_at, party.ended_at)
                party.began_at = min([at, *(moment for moment in known if moment)])
                self.began_at = min(self.began_at, at)
                if event.uniqueid == self.linkedid:
                    self._begins(at)
            case ChannelKind.ANSWER:
                party.answered_at = earliest(party.answered_at, at)
            case ChannelKind.ENTER:
                party.bridged_at, party.spoke = earliest(party.bridged_at, at), True
                self._meet(event)
            case ChannelKind.EXIT:
                party.left_at, party.spoke = latest(party.left_at, at), True
            case ChannelKind.APP_START:
                self._enters(event)
            case ChannelKind.APP_END:
                if event.application == QUEUE:
                    self._leaves(event.channel, at)
            case ChannelKind.BLIND_TRANSFER | ChannelKind.ATTENDED_TRANSFER:
                party.transferred = True
            case ChannelKind.HANGUP:
                party.ended_at = earliest(party.ended_at, at)
                party.cause = event.cause if party.cause is None else party.cause
                party.source = party.source or event.source
                party.dialled_status = party.dialled_status or event.dialled_status
                self._leaves(event.channel, at)
            case ChannelKind.END:
                party.ended_at = earliest(party.ended_at, at)
            case ChannelKind.LAST:
                pass
            case _:
                assert_never(event.kind)

    def _begins(self, at: datetime) -> None:
        """What was taken from ids of its channels, which have whole seconds, is known better now."""
        self.began_at = self.first_at = earliest(self.first_at, at)
        for party in self.parties.values():
            party.began_at = max(party.began_at, self.first_at)

    def _meet(self, event: ChannelEvent) -> None:
        """Whoever is in the bridge already, and is not known: he came over from another call, by a transfer."""
        for peer in event.peer.split(","):
            if peer and peer not in self.parties and is_party(peer):
                met = self._party(peer, "", event.at)
                if met is not None:
                    met.answered_at = met.bridged_at = event.at
                    met.spoke = True

    def _enters(self, event: ChannelEvent) -> None:
        if event.application == DIAL and len(self.dials) < MAX_VISITS:
            dialled = Dialled(event.at, event.channel, event.exten, event.data)
            self.dials += [dialled] if dialled not in self.dials else []
        elif event.application == QUEUE and len(self.visits) < MAX_VISITS:
            queue = event.data.partition(",")[0]
            known = [visit for visit in self.visits if (visit.queue, visit.channel) == (queue, event.channel)]
            if not any(visit.told or visit.began_at == event.at for visit in known):
                self.visits.append(Visit(queue=queue, channel=event.channel, began_at=event.at, told=False))

    def _leaves(self, channel: str, at: datetime) -> None:
        for visit in self.visits:
            if visit.channel == channel and visit.ended_at is None:
                visit.ended_at = at

    def _take_queue(self, event: QueueEvent) -> None:
        visit = self._visit(event)
        if visit is None:
            return
        match event.kind:
            case QueueKind.JOIN:
                visit.began_at = min(visit.began_at, event.at)
            case QueueKind.CONNECT:
                visit.answered_at, visit.member = earliest(visit.answered_at, event.at), event.member
                visit.ended_at = None
            case QueueKind.LEAVE:
                visit.left_at = latest(visit.left_at, event.at)
                if visit.answered_at is None:
                    visit.ended_at = visit.left_at  # mended by CONNECT, where somebody has answered
            case QueueKind.ABANDON:
                visit.abandoned, visit.ended_at = True, latest(visit.ended_at, event.at)
            case QueueKind.COMPLETE:
                spoke_from = max(visit.began_at, event.at - timedelta(seconds=event.talk_s or 0))
                visit.answered_at, visit.member = visit.answered_at or spoke_from, visit.member or event.member
                visit.ended_at = event.at
            case QueueKind.CALLED | QueueKind.NO_ANSWER:
                pass
            case _:
                assert_never(event.kind)

    def _visit(self, event: QueueEvent) -> Visit | None:
        """The newest one of this caller's in this queue, unless it is over; else a new one."""
        own = [
            visit
            for visit in self.visits
            if visit.told and (visit.queue, visit.channel) == (event.queue, event.channel)
        ]
        last_left_at = own[-1].left_at if own else None
        comes_again = event.kind is QueueKind.JOIN and last_left_at is not None and event.at > last_left_at
        if own and not comes_again:
            return own[-1]
        if len(self.visits) >= MAX_VISITS:
            self.whole = False
            return None
        waited_s = (event.hold_s or 0) + (event.talk_s or 0)
        began_at = event.at - timedelta(seconds=waited_s)
        visit = Visit(queue=event.queue, channel=event.channel, began_at=began_at, told=True)
        self.visits.append(visit)
        self._forget_guess(visit)
        if not self.has_cel:  # the queue is the first to tell of him, or the only one
            caller = self._party(event.channel, event.uniqueid, began_at, begins=event.kind is QueueKind.JOIN)
            if caller is not None:
                caller.number, caller.name = event.number, event.name
                caller.applications |= {QUEUE}
        return visit

    def _forget_guess(self, told: Visit) -> None:
        """What the application told of this visit is told better by the queue."""
        for guess in self.visits:
            if not guess.told and (guess.queue, guess.channel) == (told.queue, told.channel):
                told.began_at = min(told.began_at, guess.began_at)
        self.visits = [visit for visit in self.visits if visit.told or visit.queue != told.queue]

    def _take_detail(self, event: DetailRecord) -> None:
        self.has_cdr = True
        caller = self._party(event.channel, event.uniqueid, event.started_at, begins=True)
        if caller is None:
            return
        caller.number, caller.name = caller.number or event.number, caller.name or event.name
        # Where it stands in the dialplan is told as well: where it ended, which tells nothing of where it came from.
        caller.exten = caller.exten or event.exten
        caller.ended_at = latest(caller.ended_at, event.ended_at)
        if event.answered_at is not None:
            caller.answered_at = earliest(caller.answered_at, event.answered_at)
        if event.application == QUEUE:
            self._queue_of_detail(event)
        elif event.application == DIAL and len(self.dials) < MAX_VISITS:
            dialled = Dialled(event.started_at, event.channel, event.exten, event.data)
            if dialled not in self.dials:
                self.dials.append(dialled)
        if event.destination_channel:
            self._leg_of_detail(event)
        elif event.application:
            caller.applications |= {event.application}

    def _leg_of_detail(self, event: DetailRecord) -> None:
        leg = self._party(event.destination_channel, "", event.started_at)
        if leg is None:
            return
        leg.dialled = event.data
        leg.ended_at = latest(leg.ended_at, event.ended_at)
        leg.cause = _CAUSES.get(event.disposition) if leg.cause is None else leg.cause
        leg.applications |= {"AppQueue" if event.application == QUEUE else "AppDial"}
        if event.disposition == "ANSWERED":
            leg.answered_at = earliest(leg.answered_at, event.answered_at or event.ended_at)
            leg.bridged_at, leg.spoke = leg.answered_at, True

    def _queue_of_detail(self, event: DetailRecord) -> None:
        queue = event.data.partition(",")[0]
        for visit in self.visits:
            if (visit.queue, visit.channel) == (queue, event.channel):
                if not visit.told:
                    visit.began_at = min(visit.began_at, event.started_at)
                    visit.ended_at = latest(visit.ended_at, event.ended_at)
                return
        if len(self.visits) < MAX_VISITS:
            visit = Visit(queue=queue, channel=event.channel, began_at=event.started_at, told=False)
            visit.ended_at = event.ended_at
            self.visits.append(visit)


def began_by_id(uniqueid: str) -> datetime | None:
    """The second in which a channel began, by the id that Asterisk gives it: 1795269077.12, or name-1795269077.12."""
    second, is_id, count = uniqueid.rpartition("-")[2].partition(".")
    if not (is_id and count.isdigit() and second.isdigit() and len(second) == len("1795269077")):
        return None
    return datetime.fromtimestamp(int(second), UTC)


def _describe(party: Party, event: ChannelEvent) -> None:
    """The first that was told of a channel is what its caller wanted; later it stands somewhere else."""
    party.number = party.number or event.number
    party.name = party.name or event.name
    party.exten = party.exten or event.exten
    party.context = party.context or event.context
    party.dialled = party.dialled or event.dialled
    if event.application:
        party.applications |= {event.application}


def earliest(known: datetime | None, told: datetime) -> datetime:
    """Of both, or the only one."""
    return told if known is None else min(known, told)


def latest(known: datetime | None, told: datetime) -> datetime:
    """Of both, or the only one."""
    return told if known is None else max(known, told)
