"""Commands that run things: `serve`, `demo`, `envoy-config`, `xds`.

What a command needs is imported when it runs, so that every other one starts quickly.
"""

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lychgate.cli.options import DEFAULT, Config
from lychgate.processes import python

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class Proxy(StrEnum):
    """The proxies the demo knows."""

    ENVOY = "envoy"
    MITMPROXY = "mitmproxy"


def serve(
    config: Config = DEFAULT,
    decide: Annotated[
        bool, typer.Option("--decide/--no-decide", help="Start the decision server for Envoy too.")
    ] = True,
) -> None:
    """Run the companion app and the decision server, and follow the configuration file."""
    from lychgate import logs
    from lychgate.config import load
    from lychgate.serve import serve as run_serve

    logs.set_up(load(config).settings.log)
    run_serve(config, decide=decide)


def demo(
    proxy: Annotated[Proxy, typer.Option(help="The proxy to put in front.")] = Proxy.ENVOY,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    state: Annotated[
        Path | None, typer.Option(help="Folder to keep the state in.", show_default="temporary")
    ] = None,
    info: Annotated[
        Path | None, typer.Option(help="Write what a program needs to know here, as JSON.")
    ] = None,
) -> None:
    """See the gate work on this machine: proxy, gate, login and applications behind it."""
    from lychgate import logs
    from lychgate.demo.run import demo as run_demo
    from lychgate.settings import Log, LogLevel

    logs.set_up(Log(level=LogLevel.WARNING))
    run_demo(proxy.value, port, state, info)


def envoy_config(context: typer.Context) -> None:
    """Print the Envoy configuration of an installation (see `--help` of this command)."""
    command = python("extauthz.config", *context.args)
    sys.exit(subprocess.run(command, check=False).returncode)


def xds(context: typer.Context) -> None:
    """Tell Envoy which requests it may prove by itself; `serve` runs this where it is set up."""
    os.execv(sys.executable, list(python("extauthz.xds", *context.args)))
