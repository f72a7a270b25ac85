"""Runs an installation: writes its file to the store, starts its servers, follows the file."""

import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType

from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.config.watch import Watch
from lychgate.errors import LychgateError
from lychgate.processes import WITH_PARENT, Processes, accepts, python
from lychgate.runtime import connect
from lychgate.settings import Settings
from lychgate.stopping import Stop
from lychgate.store.database import Database


class AddressInUse(LychgateError):
    """Something listens already where a server is to listen."""

    code = "address_in_use"


log = logging.getLogger("lychgate.serve")

_LOOK = 0.5
"""Seconds between two looks at the file and the children."""


def serve(config: Path, decide: bool = True) -> None:
    """Run until told to stop. `decide` False: without the decision server for Envoy."""
    loaded = load(config)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    _prove_whole(loaded.settings)
    store = connect(loaded.settings)
    try:
        stop = stop_signal()
        apply(loaded, store)
        with Processes() as processes:
            start_servers(processes, loaded.settings, config, decide=decide)
            log.info("ready", extra={"event": {"team": loaded.settings.team.url}})
            watch = Watch(loaded, lambda fresh: apply(fresh, store))
            run_until_told(lambda: _look(processes, watch), stop)
    finally:
        store.close()


def _prove_whole(settings: Settings) -> None:
    # Once, before anybody uses it: half of a database could hold half of the policies.
    with closing(Database(settings.store)) as database:
        database.prove_whole()


def start_servers(
    processes: Processes,
    settings: Settings,
    config: Path,
    *,
    decide: bool,
    logs: Path | None = None,
) -> None:
    """Start companion app and decision servers, and wait until all of them answer."""
    _refuse_taken(settings, decide=decide)
    processes.start(
        "companion",
        _server("lychgate.web", config),
        output=logs and logs / "companion.log",
        restart=logs is None,
    )
    if decide:
        processes.start(
            "decision server",
            _server("extauthz", config),
            output=logs and logs / "extauthz.log",
            restart=logs is None,
        )
        for endpoint in settings.extauthz.endpoints:
            processes.wait_for("decision server", _accepting(endpoint))
    if settings.http_check.endpoints:
        processes.start(
            "HTTP check",
            _server("extauthz.http", config),
            output=logs and logs / "http-check.log",
            restart=logs is None,
        )
        for endpoint in settings.http_check.endpoints:
            processes.wait_for("HTTP check", _accepting(endpoint))
    if decide and settings.zero_hop.listen:
        processes.start(
            "xDS server",
            _server("extauthz.xds", config),
            output=logs and logs / "xds.log",
            restart=logs is None,
        )
        processes.wait_for("xDS server", _accepting(settings.zero_hop.listen))
    processes.wait_for("companion", _accepting(settings.companion.listen))
    processes.wait_for("companion", _accepting(settings.admin.listen))


def _server(module: str, config: Path) -> Sequence[str]:
    return python(module, "--config", str(config), WITH_PARENT)


def _refuse_taken(settings: Settings, *, decide: bool) -> None:
    # Two that share an address would each take the other for their own child.
    ours = [settings.companion.listen, settings.admin.listen, settings.health.listen]
    ours += [*settings.http_check.endpoints, settings.http_check.metrics]
    if decide:
        ours += [*settings.extauthz.endpoints, settings.extauthz.metrics]
        ours += [settings.zero_hop.listen, settings.zero_hop.metrics]
    for address in filter(None, ours):
        if accepts(address):
            raise AddressInUse(f"`{address}` is in use", "is another `lychgate serve` running?")


def _accepting(address: str) -> Callable[[], bool]:
    return lambda: accepts(address)


def _look(processes: Processes, watch: Watch) -> None:
    processes.watch()
    watch.look()


def stop_signal() -> Stop:
    """An event that SIGINT and SIGTERM set."""
    stop = Stop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop


def run_until_told(look: Callable[[], None], stop: Stop) -> None:
    """Look at things again and again until the event is set."""
    while not stop.wait(_LOOK):
        look()
