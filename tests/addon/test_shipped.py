"""With which options the adapter runs, and how it refuses the others: at start and later."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.addons import default_addons
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons, tflow
from mitmproxy.test.tutils import tresp

from addon import LychgateAddon
from addon.routes import Place, Routes
from addon.shipped import SHIPPED
from lychgate.core.decision import Because, Reason
from lychgate.core.request import Request
from lychgate.gate import Forward, Outcome
from tests.support.front import request_bytes
from tests.support.mitm import scripted

pytestmark = pytest.mark.anyio

DANGEROUS = [
    ("keep_host_header", False),
    ("validate_inbound_headers", False),
    ("connection_strategy", "eager"),
    ("stream_large_bodies", "1m"),
    ("body_size_limit", None),
    ("rawtcp", True),
    ("http3", True),
    ("ssl_insecure", True),
    ("ignore_hosts", ["a"]),
    ("allow_hosts", ["a"]),
    ("tcp_hosts", ["a"]),
    ("udp_hosts", ["a"]),
    ("map_remote", ["|a|http://b"]),
    ("modify_headers", ["/a/b/c"]),
    ("stickycookie", "."),
    ("stickyauth", "."),
    ("server_replay", ["x"]),
    ("mode", ["socks5"]),
    ("mode", ["reverse:tcp://127.0.0.1:1"]),
    ("mode", ["reverse:dns://127.0.0.1:1"]),
    ("mode", ["regular", "transparent"]),
    ("mode", ["no such mode"]),
]


class OpenGate:
    """A gate that forwards everything: a 503 can only come from the adapter."""

    def check(self, request: Request) -> Outcome:
        """Forward."""
        return Forward(Because(Reason.ALLOWED), "/", (), (), ())


@contextmanager
def loaded() -> Iterator[tuple[LychgateAddon, taddons.context]]:
    """The adapter inside a mitmproxy that has every option, shipped values set."""
    addon = LychgateAddon(OpenGate(), Routes(Place("http", "127.0.0.1", 1)))
    with taddons.context(*default_addons(), loadcore=False) as context:
        context.options.update(**SHIPPED)
        context.master.addons.add(addon)
        context.options.update(body_size_limit="1m")
        yield addon, context


async def judged(addon: LychgateAddon) -> int | None:
    """The status of the adapter's answer to a request; None when it lets it go."""
    flow = tflow.tflow()
    await addon.requestheaders(flow)
    return flow.response.status_code if flow.response else None


async def test_f01_it_judges_with_the_shipped_options() -> None:
    with loaded() as (addon, _):
        assert addon.ready
        assert await judged(addon) is None


@pytest.mark.parametrize(("name", "value"), DANGEROUS)
async def test_a_dangerous_option_is_refused(name: str, value: Any) -> None:
    with loaded() as (addon, context):
        with pytest.raises(OptionsError):
            context.options.update(**{name: value})
        assert addon.ready, "mitmproxy put the option back, so the gate goes on"


@pytest.mark.parametrize(("name", "value"), DANGEROUS)
async def test_a_dangerous_option_that_stays_closes_everything(name: str, value: Any) -> None:
    """mitmproxy keeps running when `configure` of an addon fails: then nothing may pass."""
    with loaded() as (addon, context):
        context.options._options[name].value = value
        with pytest.raises(OptionsError):
            addon.configure({name})
        assert await judged(addon) == 503


async def test_an_adapter_that_was_never_configured_refuses() -> None:
    addon = LychgateAddon(OpenGate(), Routes(Place("http", "127.0.0.1", 1)))
    assert await judged(addon) == 503


async def test_f01_a_removed_refusal_is_written_again() -> None:
    with loaded() as (addon, _):
        flow = tflow.tflow()
        flow.response = None
        addon.request(flow)
        assert flow.response is not None
        assert flow.response.status_code == 503


async def test_f01_an_answer_that_cannot_be_read_is_withheld() -> None:
    with loaded() as (addon, _):
        flow = tflow.tflow()
        await addon.requestheaders(flow)
        flow.response = tresp()
        flow.response.data.headers = None  # type: ignore[assignment]  # what no parser returns
        addon.responseheaders(flow)
        assert flow.response.status_code == 503
        assert callable(flow.response.stream)
        assert flow.response.stream(b"the upstream's body") == b""


def test_the_production_entry_does_not_start_with_a_dangerous_option(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"`stream_large_bodies` must be `unset`"),
        scripted(tmp_path, options=("stream_large_bodies=1m",)),
    ):
        pass


def test_d01_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    with scripted(tmp_path, options=("body_size_limit=10k",)) as mitm:
        data = request_bytes("POST", "/deny", "a.example", (), b"x" * 50_000)
        assert mitm.send_raw(data).status == 413
        assert mitm.origin_log() == ()
