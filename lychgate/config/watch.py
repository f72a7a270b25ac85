"""Notices that the file changed and hands on the new one; a broken file changes nothing."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

from lychgate.config.loading import Loaded, load
from lychgate.errors import InvalidConfiguration, LychgateError

_LOG = logging.getLogger(__name__)

type Stamp = tuple[int, int, int, int]


class Watch:
    """Looks at one file again and again.

    `apply` gets each file that loads; what it raises is logged and the file tried again later.
    Process settings count at the next start: a change of them is logged.
    """

    def __init__(
        self,
        running: Loaded,
        apply: Callable[[Loaded], object],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._running = running
        self._apply = apply
        self._environ = environ
        self._seen = _stamps(running)
        self._said = ""

    @property
    def running(self) -> Loaded:
        """The file in force."""
        return self._running

    def run(self, stop: Event, interval: float = 1.0) -> None:
        """Look until `stop` is set."""
        while not stop.wait(interval):
            self.look()

    def look(self) -> bool:
        """Look once; True when a changed file came into force."""
        stamp = _stamps(self._running)
        if stamp == self._seen:
            return False
        try:
            loaded = load(self._running.path, self._environ)
            self._apply(loaded)
        except InvalidConfiguration as error:
            self._seen = stamp
            self._say("configuration_refused", "\n".join(map(str, error.problems)))
            return False
        except LychgateError as error:
            self._say("configuration_not_applied", error.message)
            return False
        # Read before they were loaded, save those that the new file names for the first time.
        self._seen = stamp if loaded.included == self._running.included else _stamps(loaded)
        self._came_into_force(loaded)
        return True

    def _came_into_force(self, loaded: Loaded) -> None:
        restart = loaded.settings != self._running.settings
        self._running = loaded
        self._said = ""
        _LOG.info("configuration_reloaded", extra={"event": {"file": str(loaded.path)}})
        for warning in loaded.warnings:
            _LOG.warning("configuration_warning", extra={"event": {"detail": str(warning)}})
        if restart:
            detail = "process settings changed, they count from the next start on"
            _LOG.warning("configuration_restart_needed", extra={"event": {"detail": detail}})

    def _say(self, event: str, detail: str) -> None:
        """Log once what keeps a file from coming into force; the one before stays."""
        if detail != self._said:
            self._said = detail
            _LOG.error(event, extra={"event": {"file": str(self._running.path), "detail": detail}})


def _stamps(loaded: Loaded) -> tuple[Stamp | None, ...]:
    """The stamps of the file and of those it includes."""
    return tuple(map(_stamp, (loaded.path, *loaded.included)))


def _stamp(path: Path) -> Stamp | None:
    """What changes when the file does; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
