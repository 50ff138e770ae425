"""What must hold whatever an API answers, told without the code that it holds for."""

import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from agi_router.decide import RoutingSettings
from agi_router.directory.directory import Directory
from agi_router.document import load_document, validate
from agi_router.routing.answer import rpc_error
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.meaning import destination
from agi_router.routing.response import understand
from agi_router.routing.route import Route
from agi_router.routing.shown import Shown
from agi_router.routing.step import (
    Announce,
    AskRoute,
    EndpointTarget,
    Enqueue,
    FindLastAgent,
    GoTo,
    HangUp,
    LeaveMessage,
    Ring,
    Step,
    Target,
)
from agi_router.routing.understood import Understood
from agi_router.settings import RoutingSections, routing_settings
from ari_app.calls.arrival import Arrival
from ari_app.calls.screen_pop import screen_pop

ROUTES = Path(__file__).with_name("routes.yaml")
LONGEST_S = 0.5  # of processor time, so that a busy machine is not taken for a hang
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
PHONE = re.compile(r"PJSIP/[A-Za-z0-9_.+@-]+")
OUTSIDE = re.compile(r"PJSIP/\+?[0-9]{3,20}@trunk")

ARRIVAL = Arrival(route="", called_number="", caller_number="+12025550123", caller_name="", caller_withheld=False)


class Hang(BaseException):
    """No Exception, so that no handler of the code under test takes it."""


@dataclass
class BrokenRuleError(Exception):
    """An answer that broke a rule."""

    rule: str
    route: str
    body: bytes
    charset: str | None


@dataclass(slots=True)
class Rules:
    """Reads answers in every route of `routes.yaml`; `outcomes` counts what each reading came to."""

    outcomes: Counter[str] = field(default_factory=Counter)
    settings: RoutingSettings = field(init=False)
    directory: Directory = field(init=False)

    def __post_init__(self) -> None:
        document = load_document(ROUTES)
        self.settings = routing_settings(document, validate(document, RoutingSections))
        s = self.settings
        self.directory = Directory(s.users, s.trunks, s.policy, s.numbers, s.teams, queues=s.queues)

    def try_on(self, body: bytes, charset: str | None) -> None:
        """Raises BrokenRuleError."""
        for route in self.settings.routes:
            try:
                with time_limit():
                    self.outcomes[self._outcome(route, body, charset)] += 1
            except AssertionError as broken:
                raise BrokenRuleError(str(broken), route.name, body, charset) from broken
            except Hang:
                raise BrokenRuleError(f"took more than {LONGEST_S} s", route.name, body, charset) from None
            except Exception as crash:
                raise BrokenRuleError(f"crashed: {crash!r}", route.name, body, charset) from crash

    def _outcome(self, route: Route, body: bytes, charset: str | None) -> str:
        try:
            rpc_error(body, charset)
            understood = understand(route.response, body, charset)
            self._check_shown(route, understood)
            where = destination(understood, self.directory, self.settings.policy)
        except RoutingError as error:
            return _refused(error.failure)
        step = self.directory.step(where, understood.ring_s or route.ringing.timeout_s)
        if step.refused is not None:
            assert not step.targets, "a refused step rings somebody"
            return _refused(step.refused)
        return self._rings(step)

    def _check_shown(self, route: Route, understood: Understood) -> None:
        assert understood.ring_s is None or 5 <= understood.ring_s <= 3600, f"rings for {understood.ring_s} s"
        assert set(understood.headers) <= set(route.response.carries.headers), "a header that no route names"
        assert set(understood.variables) <= set(route.response.carries.variables), "a variable that no route names"
        pop = screen_pop(ARRIVAL, Shown(), understood)
        for name, value in {**pop.phone, **pop.variables}.items():
            assert not CONTROL.search(value), f"control characters in {name}: {value!r}"
            assert len(value) <= 256, f"{name} has {len(value)} characters"
        for note in understood.notes:
            assert not CONTROL.search(note), f"control characters in the note {note!r}"

    def _rings(self, step: Step) -> str:
        match step.action:
            case Ring():
                assert step.targets, "a step that rings nobody"
                for target in step.targets:
                    self._check_target(target)
                return f"rings {step.destination.type}"
            case AskRoute(route):
                assert route == "text", f"asks {route}"
                return "asks a route"
            case Enqueue(queue):
                assert queue == "support-queue", f"waits in {queue}"
                return "waits in a queue"
            case LeaveMessage(mailbox):
                assert re.fullmatch(r"[\w.-]+@[\w.-]+", mailbox, re.ASCII), f"leaves a message for {mailbox!r}"
                return "leaves a message"
            case GoTo(place):
                assert re.fullmatch(r"ivr,[A-Za-z0-9*#+][A-Za-z0-9*#+_.-]*,[0-9]+", str(place)), f"goes to {place}"
                return "goes to the dialplan"
            case Announce(sounds):
                for sound in sounds:
                    assert re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", sound, re.ASCII), f"plays {sound!r}"
                return "announces"
            case FindLastAgent(within_s):
                assert 0 < within_s < 1e9, f"looks back {within_s} s"
                return "looks for the last agent"
            case HangUp():
                return "hangs up"
            case _:
                raise AssertionError(f"does {step.action!r}")

    def _check_target(self, target: Target) -> None:
        if isinstance(target, EndpointTarget):
            dialled = f"PJSIP/{target.endpoint}"
            assert PHONE.fullmatch(dialled), f"dials {dialled!r}"
            assert not dialled.endswith(("@trunk", "/trunk")), f"dials {dialled!r}, a way around the policy"
        else:
            for way in target.via:
                dialled = f"PJSIP/{way.dial}@{way.endpoint}"
                assert OUTSIDE.fullmatch(dialled), f"dials {dialled!r}"
            assert self.settings.policy.refusal(target.number) is None, f"dials {target.number}, against the policy"


def _refused(failure: Failure) -> str:
    for text in (failure.message, failure.remedy):
        assert not CONTROL.search(text), f"control characters in the message {text!r}"
    return failure.code


@contextmanager
def time_limit() -> Iterator[None]:
    """Raises Hang in the block when it takes too long."""

    def ended(signum: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, ended)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
