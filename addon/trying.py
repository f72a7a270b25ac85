"""The adapter for somebody else's mitmproxy, opened from the file that the environment names."""

import atexit
import os
from pathlib import Path

from addon.companion import Companion
from addon.gate_addon import LychgateAddon
from addon.routes import Routes
from lychgate.config import load
from lychgate.runtime import open_runtime

CONFIG = "LYCHGATE_CONFIG"


def opened_addon() -> LychgateAddon:
    """The adapter for the installation of `LYCHGATE_CONFIG` (default: `lychgate.yaml`)."""
    settings = load(Path(os.environ.get(CONFIG, "lychgate.yaml"))).settings
    runtime = open_runtime(settings)
    atexit.register(runtime.close)
    return LychgateAddon(runtime.gate, Routes.of(settings), Companion.of(settings))
