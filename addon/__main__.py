"""`python -m addon`: mitmproxy as the gate's proxy, for real use."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from mitmproxy.options import CONF_DIR

from addon.companion import Companion
from addon.gate_addon import LychgateAddon
from addon.routes import Routes
from addon.serving import CannotServe, Listener, Mode, serve
from addon.shipped import BODY_SIZE_LIMIT
from lychgate import tracing
from lychgate.config import load
from lychgate.errors import LychgateError
from lychgate.logs import set_up
from lychgate.monitoring import serve_metrics
from lychgate.runtime import open_runtime
from lychgate.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = load(options.config).settings
        set_up(settings.log)
        tracing.set_up(settings.tracing, "lychgate addon")
        _quieten()
        _run(settings, _listener(options, settings), options.metrics)
    except LychgateError as error:
        hint = f"\n{error.hint}" if error.hint else ""
        sys.stderr.write(f"{error.message}{hint}\n")
        return 1
    return 0


def _run(settings: Settings, listener: Listener, metrics: str) -> None:
    routes = Routes.of(settings)
    with (
        open_runtime(settings) as runtime,
        serve_metrics(metrics, 0, runtime.ready, runtime.registry),
    ):
        serve(LychgateAddon(runtime.gate, routes, Companion.of(settings)), listener)


def _quieten() -> None:
    """mitmproxy's lines below a warning quote what clients sent."""
    logging.getLogger("mitmproxy").setLevel(logging.WARNING)


def _listener(options: argparse.Namespace, settings: Settings) -> Listener:
    mode = Mode(options.mode)
    if mode is Mode.REVERSE and not settings.upstreams:
        raise CannotServe(
            f"`{options.config}` names no upstream",
            "add `upstreams: [{host: app.example.com, to: http://127.0.0.1:3000}]`",
        )
    host, _, port = options.listen.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise CannotServe(f"`{options.listen}` is no address to listen on", "write `HOST:PORT`")
    return Listener(
        host.strip("[]"),
        int(port),
        mode,
        tuple(options.cert),
        options.confdir,
        options.body_size_limit,
        tuple(options.set),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m addon", description="Run mitmproxy as the proxy in front of applications."
    )
    parser.add_argument("--config", type=Path, required=True, help="the configuration file")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="HOST:PORT (%(default)s)")
    parser.add_argument(
        "--mode",
        default=Mode.REVERSE.value,
        choices=[mode.value for mode in Mode],
        help="how clients reach it",
    )
    parser.add_argument(
        "--cert", action="append", default=[], metavar="[DOMAIN=]FILE", help="certificate and key"
    )
    parser.add_argument("--confdir", default=CONF_DIR, help="where mitmproxy keeps its CA")
    parser.add_argument(
        "--metrics", default="", help="HOST:PORT of /healthz, /readyz and /metrics; off if absent"
    )
    parser.add_argument(
        "--body-size-limit", default=BODY_SIZE_LIMIT, help="largest body (%(default)s)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another mitmproxy option"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
