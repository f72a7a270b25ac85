"""Sends mails in the background, so that nobody can tell by the time whether one was sent."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from lychgate.mail import Mailer, MailFailed, Message

_WAITING = 1000
log = logging.getLogger("lychgate.web")


class PostOffice:
    """One thread that hands mails to a mailer; what does not fit any more is dropped and logged."""

    def __init__(self, mailer: Mailer, count: Callable[[str], None]) -> None:
        self._mailer = mailer
        self._count = count
        self._waiting: queue.Queue[Message | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="post-office", daemon=True)
        self._thread.start()

    def post(self, message: Message) -> None:
        """Take one mail; returns at once."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._count("dropped")
            log.error("a mail was dropped: too many are waiting")

    def close(self) -> None:
        """Send what waits, then stop; a mail server that hangs is waited for a moment only."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            outcome = self._mailer.send(message)
            failed = isinstance(outcome, MailFailed)
            self._count("failed" if failed else "sent")
            if isinstance(outcome, MailFailed):
                log.error("a mail was not sent: %s", outcome.detail)
