"""The quickstart of the mitmproxy guide, as it is written, on other ports."""

import sys
from pathlib import Path

from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.runtime import connect
from tests.support.front import exchange, request_bytes
from tests.support.mitm import ROOT, free_port, running

EXAMPLE = ROOT / "examples" / "quickstart-mitmproxy"


def test_the_quickstart_asks_for_a_login_and_serves_the_open_part(tmp_path: Path) -> None:
    ports = {number: str(free_port()) for number in ("8080", "8800", "3000")}
    text = (EXAMPLE / "lychgate.yaml").read_text()
    for number, other in ports.items():
        text = text.replace(f":{number}", f":{other}")
    config = tmp_path / "lychgate.yaml"
    config.write_text(text)
    loaded = load(config)
    assert loaded.warnings == ()
    store = connect(loaded.settings)
    apply(loaded, store)
    store.close()
    proxy, origin = int(ports["8080"]), int(ports["3000"])
    whoami = (sys.executable, str(EXAMPLE / "whoami.py"), ports["3000"])
    entry = (sys.executable, "-m", "addon", "--config", str(config))
    listen = ("--listen", f"127.0.0.1:{proxy}", "--confdir", str(tmp_path / "conf"))
    with (
        running(whoami, origin, tmp_path / "whoami"),
        running((*entry, *listen), proxy, tmp_path / "proxy"),
    ):
        asked = exchange(("127.0.0.1", proxy), request_bytes("GET", "/", f"localhost:{proxy}"))
        open_part = request_bytes("GET", "/public/", f"localhost:{proxy}")
        shown = exchange(("127.0.0.1", proxy), open_part)
    assert asked.status == 302
    location = asked.header("location") or ""
    assert location.startswith(f"http://127.0.0.1:{proxy}/cdn-cgi/access/login/localhost")
    assert shown.status == 200
    assert shown.body.startswith(b"Hello, nobody in particular.")
