"""The real proxies that ask over HTTP, each with its example configuration on free ports."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from extauthz.layout import Check, layout_of
from lychgate.processes import accepts
from tests.support.catalogue import HOSTS, TEAM, Catalogue, Proxy, wait_for
from tests.support.envoy import end, free_port, running_envoy, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is that an example configuration names."""

    listen: str
    check: str
    companion: str
    origin: str
    hosts: tuple[str, ...]
    team: str


def program(name: str) -> str:
    """Where a proxy is installed; `.ci/run` installs it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"there is no {name}: `apt-get install {name}`")
    return found


def filled(text: str, places: Mapping[str, str]) -> str:
    """An example with other addresses; each that is replaced must be there."""
    for known, other in places.items():
        assert known in text, known
        text = text.replace(known, other)
    return text


def copied(example: str, folder: Path) -> Path:
    """A copy of an example's folder."""
    return Path(shutil.copytree(EXAMPLES / example, folder / example))


def nginx(places: Places, folder: Path) -> Sequence[str]:
    """The command that runs nginx."""
    copy = copied("nginx", folder)
    main, shared = copy / "nginx.conf", copy / "lychgate-http.conf"
    main.write_text(
        filled(
            main.read_text(),
            {
                "server_name 127.0.0.1;": f"server_name {places.team};",
                "server_name localhost;": f"server_name {' '.join(places.hosts)};",
                "127.0.0.1:8080": places.listen,
                "127.0.0.1:3000": places.origin,
                # As root, nginx would run its worker as somebody who may not read this folder.
                "events {}": "user root;\nevents {}",
            },
        )
    )
    addresses = {"127.0.0.1:9002": places.check, "127.0.0.1:8800": places.companion}
    shared.write_text(filled(shared.read_text(), addresses))
    return (
        program("nginx"),
        "-p",
        str(copy),
        "-c",
        "nginx.conf",
        "-e",
        "stderr",
        "-g",
        "daemon off;",
    )


def caddy(places: Places, folder: Path) -> Sequence[str]:
    """The command that runs Caddy."""
    copy = copied("caddy", folder)
    main, shared = copy / "Caddyfile", copy / "lychgate.caddy"
    port = places.listen.rpartition(":")[2]
    sites = ", ".join(f"http://{host}:{port}" for host in places.hosts)
    main.write_text(
        filled(
            main.read_text(),
            {
                "http://localhost:8080 {": f"{sites} {{",
                "http://127.0.0.1:8080 {": f"http://{places.team}:{port} {{",
                "http://:8080 {": f"http://:{port} {{",
                "127.0.0.1:3000": places.origin,
                "admin off": "admin off\n\tdefault_bind 127.0.0.1",
            },
        )
    )
    addresses = {"127.0.0.1:9002": places.check, "127.0.0.1:8800": places.companion}
    shared.write_text(filled(shared.read_text(), addresses))
    return (program("caddy"), "run", "--config", str(main))


def haproxy(places: Places, folder: Path) -> Sequence[str]:
    """The command that runs HAProxy."""
    copy = copied("haproxy", folder)
    main, script = copy / "haproxy.cfg", copy / "lychgate.lua"
    patterns = (re.escape(host).replace(r"\*", "[^.]+") for host in places.hosts)
    main.write_text(
        filled(
            main.read_text(),
            {
                "-i 127.0.0.1\n": f"-i {places.team}\n",
                "-i localhost\n": f"-i -m reg ^({'|'.join(patterns)})$\n",
                "127.0.0.1:8080": places.listen,
                "127.0.0.1:3000": places.origin,
                "127.0.0.1:8800": places.companion,
            },
        )
    )
    name = f"lychgate-check-{places.listen}"
    main.write_text(
        filled(main.read_text(), {"127.0.0.1:9002": places.check, "lychgate-check": name})
    )
    script.write_text(filled(script.read_text(), {"lychgate-check": name}))
    return (program("haproxy"), "-C", str(copy), "-f", "haproxy.cfg")


@contextmanager
def running(command: Sequence[str], folder: Path, listen: str) -> Iterator[subprocess.Popen[bytes]]:
    """A proxy that listens, for as long as the block runs; its output goes to the folder."""
    with (folder / f"{Path(command[0]).name}.log").open("ab") as output:
        own = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, env=os.environ | own
        )
    try:
        wait_until(lambda: accepts(listen), process, 30)
        yield process
    finally:
        end(process)


def places_of(catalogue: Catalogue) -> Places:
    """The places of the running installation."""
    settings = catalogue.settings
    return Places(
        listen=f"127.0.0.1:{free_port()}",
        check=settings.http_check.endpoints[0],
        companion=settings.companion.listen,
        origin=settings.upstreams[0].to.removeprefix("http://"),
        hosts=HOSTS,
        team=TEAM,
    )


def _front(
    name: str, command: Callable[[Places, Path], Sequence[str]]
) -> Callable[[Catalogue], AbstractContextManager[Proxy]]:
    @contextmanager
    def started(catalogue: Catalogue) -> Iterator[Proxy]:
        places = places_of(catalogue)
        with running(command(places, catalogue.folder), catalogue.folder, places.listen):
            yield Proxy(f"http://{places.listen}", catalogue.log, name)

    return started


@contextmanager
def _envoy(catalogue: Catalogue) -> Iterator[Proxy]:
    layout = layout_of(catalogue.settings, f"127.0.0.1:{free_port()}", Check.HTTP)
    folder = catalogue.folder / "envoy-http"
    folder.mkdir()
    with running_envoy(layout, folder, catalogue.log) as envoy:
        front = Proxy(envoy.url, catalogue.log, "envoy-http")
        probe = b"GET /public/ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
        wait_for(lambda: front.send_raw(probe).status == 200)
        yield front


HTTP_FRONTS: Mapping[str, Callable[[Catalogue], AbstractContextManager[Proxy]]] = {
    "envoy-http": _envoy,
    "nginx": _front("nginx", nginx),
    "caddy": _front("caddy", caddy),
    "haproxy": _front("haproxy", haproxy),
}
