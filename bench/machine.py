"""The machine that is measured on: its cores, what its processes use, and its versions."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from shutil import which

import psutil

_LIBRARIES = ("grpcio", "granian", "cryptography", "pyjwt", "sqlalchemy", "pydantic")
_MEBI = 1024 * 1024


def gate_core() -> int:
    """The core of Envoy and of the servers that it asks."""
    return min(os.sched_getaffinity(0))


def load_core() -> int:
    """The core of the load and of the origin; the same one where there is only one."""
    return max(os.sched_getaffinity(0))


def pinned(core: int, command: Sequence[str]) -> Sequence[str]:
    """The command, kept on one core."""
    return ("taskset", "-c", str(core), *command)


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that processes and their children have used, by the program and the kernel."""
    return sum(_of_one(one) for pid in pids for one in _family(pid))


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _of_one(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def memory(pid: int) -> tuple[float, float]:
    """What a process holds in memory, and the most it ever did, in MiB."""
    found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()))
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def envoy() -> str:
    """The Envoy program of this environment."""
    found = which("envoy", path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit("there is no envoy: `uv sync` installs it")
    return found


def describe() -> Mapping[str, str]:
    """What the figures depend on."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = len(os.sched_getaffinity(0))
    installed = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        "Processor": f"{model[1] if model else platform.machine()}, {cores} cores used",
        "Memory": f"{psutil.virtual_memory().total / _MEBI / 1024:.0f} GiB",
        "System": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "Envoy": _first(r"(\d+\.\d+\.\d+)/", (envoy(), "--version")),
        "wrk": _first(r"wrk (?:debian/)?([\d.]+)", ("wrk", "-v")),
        "Libraries": installed,
    }


def _first(pattern: str, command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"
