"""Opens a page in the person's browser, where there is one."""

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence


def open_page(url: str, environment: Mapping[str, str]) -> bool:
    """Whether a browser was started; it never writes where our own output goes."""
    command = _command(url, environment)
    if command is None:
        return False
    try:
        browser = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    # It may live on after us, or end at once and must then be reaped.
    threading.Thread(target=browser.wait, daemon=True).start()
    return True


def _command(url: str, environment: Mapping[str, str]) -> Sequence[str] | None:
    named = environment.get("BROWSER", "").split(":")[0]
    if named:
        words = shlex.split(named.removesuffix("&").strip())
        filled = [word.replace("%s", url) for word in words]
        return filled if filled != words else [*words, url]
    if sys.platform == "darwin":
        return ["open", url]
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return None
    opener = shutil.which("xdg-open") or shutil.which("sensible-browser")
    return [opener, url] if opener else None
