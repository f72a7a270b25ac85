"""A mitmproxy whose gate follows the path asked for: what the adapter does with each outcome.

Run as a process, `python -m tests.support.scripted_mitm SPEC`, SPEC being JSON. It serves as the
production entry does; only the gate is a script, so that it can also misbehave.
"""

import json
import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path

from addon import LychgateAddon
from addon.routes import Routes
from addon.serving import Listener, Mode, serve
from lychgate.answer import Answer
from lychgate.core.decision import Because, Reason
from lychgate.core.model import Team
from lychgate.core.request import Request
from lychgate.core.urls import ASSERTION, OWNED_HEADERS, canonical_host
from lychgate.gate import Forward, Outcome, ToCompanion
from lychgate.settings import Companion, Settings, Upstream

ALLOWED = Because(Reason.ALLOWED)
REFUSED = Because(Reason.NO_POLICY_MATCHED)
REMOVED = tuple(sorted(OWNED_HEADERS - {ASSERTION}))


class Unwritable(str):
    """Text that survives until the answer is written, and fails only there."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Pass for bytes until somebody writes them."""
        return [*super().encode(encoding, errors)]  # type: ignore[return-value]


class ScriptedGate:
    """Allows, refuses, hands over, hangs or fails as the path says, and notes what it was asked."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes

    def check(self, request: Request) -> Outcome:
        """Decide by the first segment of the path."""
        self._note(request)
        if canonical_host(request.host) is None:
            return Answer(REFUSED, 400, (), b"bad host")
        match request.path.split("/")[1]:
            case "deny":
                return Answer(
                    REFUSED, 403, (("set-cookie", "a=1"), ("set-cookie", "b=2")), b"refused"
                )
            case "raise":
                raise RuntimeError("the gate is broken")
            case "hang":
                time.sleep(3)
            case "unknown":
                return "allow"  # type: ignore[return-value]  # what a broken gate might return
            case "unwritable":
                return Forward(ALLOWED, "/x", ((ASSERTION, "\u2603"),), REMOVED)
            case "split":
                return Forward(ALLOWED, "/x", ((ASSERTION, "a\r\nX-Admin: 1"),), REMOVED)
            case "split-answer":
                return Answer(REFUSED, 403, (("location", "/\r\nX-Admin: 1"),), b"")
            case "broken-cookie":
                return Forward(ALLOWED, "/x", (), (*REMOVED, ASSERTION), (Unwritable("c=1"),))
            case "cdn-cgi":
                return ToCompanion(ALLOWED, (), (*REMOVED, ASSERTION))
            case _:
                pass
        who = request.header("x-who") or "nobody"
        target = request.path if request.query is None else f"{request.path}?{request.query}"
        cookie = f"CF_Authorization={who}; Path=/"
        return Forward(ALLOWED, target, ((ASSERTION, f"for-{who}"),), REMOVED, (cookie,))

    def _note(self, request: Request) -> None:
        facts = asdict(request)
        facts["client_ip"] = str(request.client_ip)
        with self._notes.open("a") as notes:
            notes.write(json.dumps(facts) + "\n")


def main() -> None:
    """Serve until SIGTERM."""
    spec = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO)
    settings = Settings(
        Team("http://127.0.0.1"),
        companion=Companion(spec["companion"]),
        upstreams=tuple(Upstream(**upstream) for upstream in spec["upstreams"]),
    )
    addon = LychgateAddon(ScriptedGate(Path(spec["notes"])), Routes.of(settings))
    serve(
        addon,
        Listener(
            "127.0.0.1",
            spec["port"],
            Mode(spec["mode"]),
            confdir=spec["confdir"],
            extra=tuple(spec["options"]),
        ),
    )


if __name__ == "__main__":
    main()
