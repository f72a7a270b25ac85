"""The hooks: each request is refused until the gate has said otherwise, whatever goes wrong.

mitmproxy forwards a request when an addon raises. So every hook that could let something through
writes the refusal first and takes it back as its last step, and no connection to an upstream is
opened for which there was no decision (`server_connect`).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, assert_never
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.connection import Client
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from addon import outage, shipped, translate
from addon.companion import Companion
from addon.head import Fields, RefusedHead
from addon.routes import Place, Routes
from lychgate.answer import Answer
from lychgate.core.request import Request
from lychgate.gate import Forward, Outcome, ToCompanion

DEADLINE_SECONDS = 2.0
THREADS = 8

log = logging.getLogger("lychgate.addon")


class Checker(Protocol):
    """What the adapter asks: the gate."""

    def check(self, request: Request) -> Outcome:
        """Decide; may be called from several threads."""
        ...


class LychgateAddon:
    """Puts a gate in front of everything this mitmproxy forwards."""

    name = "lychgate"

    def __init__(self, gate: Checker, routes: Routes, companion: Companion | None = None) -> None:
        self._gate = gate
        self._routes = routes
        self._companion = companion
        self._watch: asyncio.Task[None] | None = None
        self._refusal: tuple[str, ...] = ("the options were not checked yet",)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gate")
        self._additions: WeakKeyDictionary[http.HTTPFlow, Fields | None] = WeakKeyDictionary()
        """Flows that may go on; what their answer gets from us, None for the companion's."""
        self._granted: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        """Addresses that each client connection may reach, by the connection's id."""

    def configure(self, updated: Iterable[str]) -> None:
        """Refuse to run, and to go on serving, with options that open a way around the gate."""
        self._refusal = ("the options could not be checked",)
        try:
            self._refusal = shipped.problems(ctx.options)
        except Exception as error:
            raise OptionsError(f"the options could not be checked: {error}") from error
        if self._refusal:
            raise OptionsError("the gate does not run like this:\n" + "\n".join(self._refusal))

    @property
    def ready(self) -> bool:
        """Whether requests are judged, and not all refused because of the options."""
        return not self._refusal

    def running(self) -> None:
        """Look after the companion app from now on."""
        outage.install()
        if self._companion is not None:
            watch = self._companion.watch(self._give_up)
            self._watch = asyncio.get_running_loop().create_task(watch)

    def _give_up(self) -> None:
        """Wait no longer for what was handed over: the companion app is stuck."""
        for flow in [flow for flow, ours in self._additions.items() if ours is None]:
            outage.hang_up(flow)

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Decide. Later would be too late: a streamed body is on its way before `request`."""
        flow.response = translate.refusal(flow, 503, "the gate is not available")
        try:
            if self.ready:
                await self._decide(flow)
        except RefusedHead as refused:
            flow.response = translate.refusal(flow, refused.status, refused.message)
            log.info("refused %s: %s", flow.id, refused.message)
        except BaseException as error:  # noqa: BLE001 - mitmproxy forwards when a hook raises
            self._deny_after(error, flow)

    async def _decide(self, flow: http.HTTPFlow) -> None:
        request = translate.read_request(flow)
        loop = asyncio.get_running_loop()
        check = loop.run_in_executor(self._threads, self._gate.check, request)
        outcome = await asyncio.wait_for(check, DEADLINE_SECONDS)
        match outcome:
            case Answer():
                flow.response = translate.answer(flow, outcome)
            case Forward():
                self._forward(flow, outcome, request.host)
            case ToCompanion() if self._companion is not None and not self._companion.answers:
                flow.response = translate.outage(flow)
            case ToCompanion():
                translate.hand_over(flow, outcome, self._routes.companion)
                self._let_go(flow, None)
            case _:
                assert_never(outcome)

    def _forward(self, flow: http.HTTPFlow, outcome: Forward, host: str) -> None:
        place: Place | None = None
        if isinstance(flow.client_conn.proxy_mode, ReverseMode) and self._routes.upstreams:
            place = self._routes.find(host, outcome.path)
            if place is None:
                flow.response = translate.refusal(flow, 404, "no upstream serves this host")
                return
        additions = translate.answer_lines(outcome)
        translate.forward(flow, outcome, place)
        self._let_go(flow, additions)

    def _let_go(self, flow: http.HTTPFlow, additions: Fields | None) -> None:
        granted = self._granted[flow.client_conn.id]
        granted.add((flow.request.host, flow.request.port))
        if flow.server_conn.via is not None:
            granted.add(flow.server_conn.via[1])
        self._additions[flow] = additions
        flow.response = None

    def _deny_after(self, error: BaseException, flow: http.HTTPFlow) -> None:
        """Refuse and note what failed, without its message: that may hold what a client sent."""
        self._additions.pop(flow, None)
        flow.request.stream = False
        flow.response = translate.refusal(flow, 503, "the gate is not available")
        log.error("request %s refused after %s", flow.id, _origin_of(error))
        if isinstance(error, asyncio.CancelledError):
            raise error
        flow.response = translate.outage(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        """Restore a refusal that something else in this mitmproxy removed."""
        if flow.response is None and flow not in self._additions:
            flow.response = translate.refusal(flow, 503, "the gate is not available")

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Clean and complete an upstream's answer, and stream it; our own answers pass."""
        if flow not in self._additions or flow.response is None:
            return
        try:
            additions = self._additions.pop(flow)
            if additions is not None:
                translate.clean_answer(flow.response, additions)
            flow.response.stream = True
        except BaseException as error:  # noqa: BLE001 - mitmproxy forwards when a hook raises
            flow.response = translate.silent_unavailable()
            log.error("answer to %s withheld after %s", flow.id, _origin_of(error))

    def error(self, flow: http.HTTPFlow) -> None:
        """Note whose request failed, for its page and for the log."""
        outage.note(flow)
        if flow.error is not None and flow.response is None and flow.client_conn.connected:
            log.error("no answer to request %s: %s", flow.id, flow.error.msg)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Open no connection that no decision asked for: raw TCP, DNS, probes, anything."""
        try:
            if data.server.address in self._granted.get(data.client.id, ()):
                return
        except BaseException as error:  # noqa: BLE001 - mitmproxy connects when a hook raises
            log.error("connection refused after %s", _origin_of(error))
        data.server.error = "no decision allows this connection"

    def client_disconnected(self, client: Client) -> None:
        """Forget what the connection was allowed to reach."""
        self._granted.pop(client.id, None)

    def done(self) -> None:
        """Let running checks end."""
        if self._watch is not None:
            self._watch.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _origin_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "unknown place"
    return f"{type(error).__name__} in {place}"
