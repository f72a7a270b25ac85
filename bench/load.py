"""Sends requests as fast as they are answered, with wrk, and says how that went."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import load_core, pinned

CONNECTIONS = 16
_KEPT = 100
_SCRIPT = """
local file = "{file}"
local checked = {checked}
local input, requests, following, kept, threads, at = nil, {{}}, {{}}, 0, {{}}, 0
bad = 0

function setup(thread) table.insert(threads, thread) end

function init(arguments)
  input = io.open(file)
  math.randomseed(os.time())
  input:seek("set", math.random(0, input:seek("end")))
  input:read("*l")
  at = next_visit()
end

function next_visit()
  local here = input:seek()
  return here < input:seek("end") and here or 0
end

local function written(visit)
  local host, cookie = visit:match("^(%S+) (.*)$")
  return wrk.format("GET", "/reports/2026/november?page=2", {{
    ["Host"] = host, ["Cookie"] = cookie,
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537",
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    ["Accept-Language"] = "en-GB,en;q=0.9,pt;q=0.8",
    ["Accept-Encoding"] = "gzip, deflate, br, zstd",
    ["Sec-Fetch-Mode"] = "navigate", ["Sec-Fetch-Dest"] = "document",
    ["Sec-Fetch-Site"] = "same-origin", ["Referer"] = "https://" .. host .. "/dashboard",
  }})
end

function request()
  local known = requests[at]
  if known then
    at = following[at]
    return known
  end
  input:seek("set", at)
  local fresh, before = written(input:read("*l")), at
  at = next_visit()
  -- To keep many is no use: LuaJIT finds long strings that are nearly alike ever more slowly.
  if kept < {kept} then requests[before], following[before], kept = fresh, at, kept + 1 end
  return fresh
end

if checked then
  function response(status) if status ~= 200 then bad = bad + 1 end end
end

function done(summary, latency, _)
  local errors, refused = summary.errors, 0
  for _, thread in ipairs(threads) do refused = refused + thread:get("bad") end
  io.write(string.format(
    '\\n{{"requests": %d, "seconds": %f, "bad": %d, "p50": %f, "p99": %f}}\\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout + refused,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visitor sends: to which host, and with which cookies."""

    host: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Went:
    """How a load went; times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests that were answered in a second."""
        return self.requests / self.seconds


class Load:
    """Visits, one after the other from some place on, and from the beginning again."""

    def __init__(self, folder: Path, name: str, visits: Sequence[Visit]) -> None:
        if shutil.which("wrk") is None:
            raise SystemExit("there is no wrk on this machine: `apt-get install wrk`")
        self.visits = visits
        file = folder / f"{name}.visits"
        file.write_text("".join(f"{visit.host} {visit.cookie}\n" for visit in visits))
        self._scripts = {checked: folder / f"{name}-{checked}.lua" for checked in (False, True)}
        for checked, script in self._scripts.items():
            script.write_text(_SCRIPT.format(file=file, checked=str(checked).lower(), kept=_KEPT))

    def run(self, url: str, seconds: float) -> Went:
        """Load an address for some seconds."""
        return self._run(url, seconds, checked=False)

    def check(self, url: str, seconds: float) -> Went:
        """As `run`, and look at every answer: anything but a 200 ends the measurement."""
        return self._run(url, seconds, checked=True)

    def _run(self, url: str, seconds: float, *, checked: bool) -> Went:
        shape = ("-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s")
        command = pinned(load_core(), ("wrk", *shape, "-s", str(self._scripts[checked]), url))
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.rpartition("\n{")[2].join(("{", "")))
        if found["bad"] or not found["requests"]:
            raise SystemExit(f"the load did not pass: {done.stdout}")
        return Went(found["requests"], found["seconds"], found["p50"], found["p99"])
