"""A CRM of the configuration at work: implements `ari_app.domain.crm.Crm` for any document.

A 401 says that the token of OAuth died before its time: then the request goes out once more, with a new one. Nothing
else is ever sent twice that may have been read and changes anything.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from agi_router.lookup.failures import retry_after
from agi_router.lookup.grants import GrantMemory
from agi_router.lookup.guard import Guard
from agi_router.lookup.masking import MASK
from agi_router.lookup.tokens import TokenSource
from agi_router.lookup.upstream import UpstreamLimits, UpstreamStatus
from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure, RoutingError
from ari_app.calls.clock import now
from ari_app.crm.access import Access, access_of
from ari_app.crm.document.answer import Records, read_answer
from ari_app.crm.document.model import Hook
from ari_app.crm.document.next_page import Answered
from ari_app.crm.document.refusals import Unread
from ari_app.crm.document.request import FIRST_PAGE, Page, Question, Rendered, Values, render
from ari_app.crm.lane import LONGEST_CONNECT_S, Lane, UnsentError
from ari_app.crm.settings import ConnectorSettings
from ari_app.crm.standing import Experience, LoginState, Result, Standing
from ari_app.domain.crm import QUESTIONS, Abilities, HookAnswer, HookError, HookName, Patience, Upload
from ari_app.domain.crm_login import Login

log = logging.getLogger("agi_router.crm")

LONGEST_RECORDED: Final = 16_384
LONGEST_FOUND: Final = 1_048_576
"""Bytes that may come where a caller waits: the contacts of one number."""
OF_CALLS: Final = UpstreamLimits(max_concurrent=32, failures=5, open_s=10.0)
OF_WORK: Final = UpstreamLimits(max_concurrent=8, failures=10, open_s=5.0)
LONGEST_WISH_S: Final = 3600.0
"""A CRM that asks to be left alone for days has made a slip, and would be told of no call until somebody notices."""
OWN_THREADS: Final = 8
"""The connector's own, for names, as a dead name server holds one for long, and for answers that take time to read."""
LONG_ANSWER: Final = 16_384
"""Bytes: what is longer is read in a thread, for calls go on meanwhile."""


class Connector:
    """One CRM; an async context, outside of which nothing can be asked."""

    def __init__(
        self, settings: ConnectorSettings, guard: Guard, grants: GrantMemory, login: Login | None = None
    ) -> None:
        """`grants` keeps the refresh tokens of OAuth. Raises OSError when `ca_file` cannot be read as certificates."""
        self.settings = settings
        self.experience = Experience()
        self._grants = grants
        self._threads = ThreadPoolExecutor(OWN_THREADS, thread_name_prefix=f"CRM {settings.name}")
        made: dict[str, Any] = {"threads": self._threads}
        of_calls = {**made, "longest_answer": LONGEST_FOUND}
        self._of_calls = Lane(guard, settings.ca_file, OF_CALLS, keeps=True, connect_s=1.0, **of_calls)
        self._reading = Lane(guard, settings.ca_file, OF_WORK, keeps=True, connect_s=LONGEST_CONNECT_S, **made)
        self._changing = Lane(guard, settings.ca_file, OF_WORK, keeps=False, connect_s=LONGEST_CONNECT_S, **made)
        self._access = access_of(settings, login)
        self._tokens: TokenSource | None = None
        self._is_open = False
        self._keeps_tokens_ready = False

    async def __aenter__(self) -> "Connector":
        for lane in self._lanes:
            lane.open()
        self._is_open = True
        self._ask_tokens()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        if self._tokens is not None:
            await self._tokens.close()
        for lane in self._lanes:
            await lane.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def name(self) -> str:
        """See `Crm`."""
        return self.settings.name

    @property
    def title(self) -> str:
        """See `Crm`."""
        return self.settings.document.name

    @property
    def abilities(self) -> Abilities:
        """See `Crm`."""
        return self.settings.document.abilities

    async def take(self, login: Login | None) -> None:
        """Go on with this login. Requests that are on their way end with the one before."""
        before, self._tokens = self._tokens, None
        self._access = access_of(self.settings, login)
        self.experience.forget_login()
        if self._is_open:
            self._ask_tokens()
        if self._keeps_tokens_ready:
            self.keep_tokens_ready()
        if before is not None:
            await before.close()

    def keep_tokens_ready(self) -> None:
        """Have OAuth's token before the first request needs it, and renew it in time; of each login from now on."""
        self._keeps_tokens_ready = True
        if self._tokens is not None:
            self._tokens.keep_ready()

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: Upload | None = None
    ) -> HookAnswer:
        """See `Crm`."""
        answer, _ = await self._run(hook, values, FIRST_PAGE, deadline_s, upload)
        return answer

    async def pages(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, patience: Patience | None = None
    ) -> AsyncIterator[HookAnswer]:
        """See `Crm`."""
        page: Page | None = FIRST_PAGE
        failures = 0
        met: set[str] = set()
        while page is not None:
            try:
                answer, following = await self._run(hook, values, page, deadline_s, None)
            except HookError as error:
                failures += 1
                if patience is None or not await patience(error, failures):
                    raise
                continue
            yield answer
            place = "" if following is None else following.url or following.cursor
            if place in met:
                raise HookError(_leads_back(hook, page), is_undone=True)
            met |= {place} if place else set()
            page, failures = following, 0

    def rendered(self, hook: HookName, values: Mapping[str, str], upload: Upload | None = None) -> SentRequest:
        """The first request of a hook as it would be sent, its secrets masked. Raises HookError."""
        access = self._access
        request = self._render(self._question(self._hook(hook), access, values, FIRST_PAGE), upload, MASK)
        return _told(access, request)

    def standing(self) -> Standing:
        """How its login stands now."""
        seen, access = self.experience, self._access
        token = None if self._tokens is None else self._tokens.state()
        refused = token.failure if token is not None and not token.is_usable and token.failure else seen.refused
        if access.missing or access.lacks_grant or access.unusable is not None:
            state = LoginState.NEEDED
        elif refused is not None:
            state = LoginState.REFUSED
        else:
            state = LoginState.UNTRIED if seen.answered_at is None else LoginState.OK
        return Standing(
            state=state,
            since=seen.since(state),
            remedy=self._remedy(state, refused),
            missing=access.missing,
            failure=refused if state is LoginState.REFUSED else seen.failure,
            failed_at=seen.failed_at,
            answered_at=seen.answered_at,
            token=token,
            doubt=self._doubt() if seen.finds_nobody else "",
        )

    def upstreams(self) -> list[UpstreamStatus]:
        """How the breakers stand: those of callers' questions first."""
        return [status for lane in self._lanes for status in lane.status()]

    @property
    def access(self) -> Access:
        """With what it asks."""
        return self._access

    @property
    def _lanes(self) -> tuple[Lane, Lane, Lane]:
        return self._of_calls, self._reading, self._changing

    def _ask_tokens(self) -> None:
        auth = self._access.auth
        ready = auth is not None and not self._access.missing
        self._tokens = TokenSource(auth, self._reading.post, self._grants) if auth is not None and ready else None

    def _doubt(self) -> str:
        find = self.settings.document.hooks[HookName.FIND_CONTACT]
        statuses = " or ".join(map(str, sorted(find.no_records)))
        return (
            f"every search for a contact was answered {statuses}, as if nobody were known: if that is a wrong address, "
            f"correct request_path of FindContact; agi-router crm try {self.name} FindContact shows it"
        )

    def _remedy(self, state: LoginState, refused: Failure | None) -> str:
        login = f"agi-router crm login {self.name}"
        match state:
            case LoginState.NEEDED if self._access.missing:
                return f"give {', '.join(self._access.missing)}: {login}"
            case LoginState.NEEDED if self._access.unusable is not None:
                return self._access.unusable.remedy
            case LoginState.NEEDED:
                return f"let the CRM's user consent: {login}"
            case LoginState.REFUSED if refused is not None and not _is_mended_by_login(refused):
                return f"{refused.remedy}; then {login}"
            case LoginState.REFUSED:
                return f"log in again: {login}"
            case _:
                return ""

    async def _run(
        self, name: HookName, given: Values, page: Page, deadline_s: float, upload: Upload | None
    ) -> tuple[HookAnswer, Page | None]:
        """The requests of a hook, one after the other; the records are those of the first that gives some."""
        until = asyncio.get_running_loop().time() + deadline_s
        values = {"now": now().isoformat(timespec="seconds").replace("+00:00", "Z"), **given}
        answer: HookAnswer | None = None
        following: Page | None = None
        for step in self._hook(name).steps:
            try:
                done, read = await self._step(step, values, page, until, upload)
            except HookError as error:
                if answer is not None and name not in QUESTIONS:
                    error.is_undone = False  # what went before it has been done
                raise
            if read.records:
                values |= {key: value for key, value in read.records[0].items() if value}
            records = answer.records if answer is not None and answer.records else done.records
            answer, following = replace(done, records=records), following or read.next_page
        assert answer is not None
        return answer, following

    async def _step(
        self, hook: Hook, values: Values, page: Page, until: float, upload: Upload | None
    ) -> tuple[HookAnswer, Records]:
        access, tokens = self._access, self._tokens
        self._refuse_without(access, hook.name)
        started = time.monotonic()
        question = self._question(hook, access, values, page)
        token = await self._token(hook.name, tokens, until) or access.token
        request = self._render(question, upload, token)
        told = access.knowing(token)
        answered, is_whole = await self._ask(hook, told, request, until)
        if answered.status == 401 and tokens is not None:
            newer = await self._newer(hook.name, access, tokens, token, until)
            if newer is not None:
                request, told = self._render(question, upload, newer), told.knowing(newer)
                answered, is_whole = await self._ask(hook, told, request, until)
        received = ReceivedAnswer(
            status=answered.status,
            body=told.masked(answered.body[: 4 * LONGEST_RECORDED].decode("utf-8", "replace"))[:LONGEST_RECORDED],
            elapsed_ms=round((time.monotonic() - started) * 1000, 1),
        )
        read = await self._read(question, answered) if is_whole else _too_large(hook)
        sent = _told(told, request)
        is_of_this_login = access is self._access
        if isinstance(read, Unread):
            failure = replace(read.failure, message=told.masked(read.failure.message))
            read = replace(read, failure=failure)
            raise self._failed(hook.name, read, answered, sent, received, counts=is_of_this_login)
        if is_of_this_login:
            if self.experience.refused is not None:
                log.info("%s lets the router in again", self.name)
            self.experience.answered(hook.name)
            if hook.name is HookName.FIND_CONTACT:
                self.experience.searched(values.get("number", ""), answered.status)
        return HookAnswer(records=read.records, sent=sent, received=received), read

    async def _read(self, question: Question, answered: Answered) -> Records | Unread:
        if len(answered.body) <= LONG_ANSWER:
            return read_answer(question, answered)
        return await asyncio.get_running_loop().run_in_executor(self._threads, read_answer, question, answered)

    def _question(self, hook: Hook, access: Access, values: Values, page: Page) -> Question:
        return Question(
            document=self.settings.document, hook=hook, properties=access.properties, values=values, page=page
        )

    def _hook(self, name: HookName) -> Hook:
        hook = self.settings.document.hooks.get(name)
        if hook is None:
            raise HookError(
                Failure(
                    "crm_no_hook",
                    f"the document of {self.name} has no {name}",
                    f"add the hook {name} to the document, see docs/crm-documents.md",
                ),
                is_undone=True,
                is_final=True,
            )
        return hook

    def _refuse_without(self, access: Access, hook: HookName) -> None:
        """Nothing is sent without a login, nor soon after one was refused. Raises HookError."""
        refused, pause_s = self.experience.refused, self.experience.pause_s
        if access.missing or access.lacks_grant:
            message, state = f"nobody has logged {self.name} in", LoginState.NEEDED
            failure = Failure("crm_login_needed", message, self._remedy(state, None))
        elif access.unusable is not None:
            failure = access.unusable
        elif refused is not None and pause_s:
            message = f"{self.name} is not asked for {pause_s:.0f} s: it has refused the login ({refused.message})"
            failure = Failure("crm_login_refused", message, self._remedy(LoginState.REFUSED, refused))
        else:
            return
        self.experience.failed(hook, Result.UNSENT, failure, is_refused_login=False)
        raise HookError(failure, is_undone=True, again_in_s=pause_s or None)

    async def _token(self, hook: HookName, tokens: TokenSource | None, until: float) -> str:
        if tokens is None:
            return ""
        try:
            return await tokens.token(until)
        except RoutingError as error:
            self.experience.failed(
                hook, Result.UNSENT, error.failure, is_refused_login=False
            )  # the token's state has it
            raise HookError(error.failure, is_undone=True) from error

    async def _newer(
        self, hook: HookName, access: Access, tokens: TokenSource, refused: str, until: float
    ) -> str | None:
        try:
            return await tokens.instead_of(refused, until)
        except RoutingError as error:
            is_of_this_login = access is self._access
            self.experience.failed(hook, Result.REFUSED, error.failure, is_refused_login=is_of_this_login)
            raise HookError(error.failure, is_undone=True, status=401) from error

    def _render(self, question: Question, upload: Upload | None, token: str) -> Rendered:
        if upload is not None and question.hook.takes_file and not upload.path.is_file():
            failure = Failure(
                "crm_file_gone", f"there is no file {upload.path}", "see whether the recording was deleted meanwhile"
            )
            raise HookError(failure, is_undone=True, is_final=True)
        try:
            return render(question, upload=upload, access_token=token)
        except RoutingError as error:
            raise HookError(error.failure, is_undone=True, is_final=True) from error

    async def _ask(self, hook: Hook, access: Access, request: Rendered, until: float) -> tuple[Answered, bool]:
        """What came, and whether it is all of it."""
        try:
            reply = await self._lane(hook.name).ask(request, until)
        except UnsentError as error:
            result = Result.FAILED if error.has_left else Result.UNSENT
            self.experience.failed(hook.name, result, error.failure, is_refused_login=False)
            is_undone = not error.has_left or hook.name in QUESTIONS
            raise HookError(error.failure, is_undone=is_undone, sent=_told(access, request)) from error
        return Answered(status=reply.status, headers=reply.headers, body=reply.body, url=request.url), reply.is_whole

    def _lane(self, hook: HookName) -> Lane:
        if hook is HookName.FIND_CONTACT:
            return self._of_calls
        return self._reading if hook in QUESTIONS else self._changing

    def _failed(
        self,
        hook: HookName,
        read: Unread,
        answered: Answered,
        sent: SentRequest,
        received: ReceivedAnswer,
        *,
        counts: bool,
    ) -> HookError:
        """`counts`: this is still the login that the CRM was shown; what was said of an earlier one is over."""
        is_refused_login = counts and (answered.status == 401 or (answered.status == 403 and hook is HookName.USERS))
        if is_refused_login and self.experience.refused is None:
            remedy = self._remedy(LoginState.REFUSED, read.failure)
            log.warning("%s refuses the login: %s; %s", self.name, read.failure.message, remedy)
        result = Result.REFUSED if read.is_undone else Result.FAILED
        self.experience.failed(hook, result, read.failure, is_refused_login=is_refused_login)
        wish_s = retry_after(answered.headers)
        return HookError(
            read.failure,
            is_undone=read.is_undone or hook in QUESTIONS,
            is_final=read.is_final,
            status=answered.status,
            again_in_s=None if wish_s is None else min(wish_s, LONGEST_WISH_S),
            sent=sent,
            received=received,
        )


def _is_mended_by_login(refused: Failure) -> bool:
    return refused.code == "crm_unauthorised" or "invalid_grant" in refused.message


def _told(access: Access, request: Rendered) -> SentRequest:
    record, masked = request.record, access.masked
    headers = {name: masked(value) for name, value in record.headers.items()}
    return replace(record, url=masked(record.url), headers=headers, body=masked(record.body))


def _leads_back(hook: HookName, page: Page) -> Failure:
    return Failure(
        "crm_pages_repeat",
        f"{hook}.paging: page {page.number + 1} leads back to a page that was read before",
        "compare paging.path with the answer: agi-router crm try shows it",
    )


def _too_large(hook: Hook) -> Unread:
    """Its status tells that the CRM has done it; what it gave for it is lost."""
    failure = Failure(
        "crm_answer_too_large",
        f"{hook.name}: the answer is too large, and was not read to its end",
        "ask for less: a smaller page, or fewer fields",
    )
    return Unread(failure=failure, is_undone=False, is_final=True)
