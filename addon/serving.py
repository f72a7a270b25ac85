"""A mitmproxy that holds nothing but the gate: how it is built, and how long it runs."""

import asyncio
import logging
import signal
import socket
from dataclasses import dataclass
from enum import StrEnum

from mitmproxy import master, options
from mitmproxy.addons import core, errorcheck, next_layer, proxyserver, tlsconfig
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import CONF_DIR

from addon.gate_addon import LychgateAddon
from addon.shipped import BODY_SIZE_LIMIT, SHIPPED
from lychgate.errors import LychgateError

_NOWHERE = "reverse:http://upstream.invalid:80"
"""mitmproxy wants one upstream; ours are chosen for each request, so this one is never reached."""

log = logging.getLogger("lychgate.addon")


class CannotServe(LychgateError):
    """The proxy cannot be started like this."""

    code = "cannot_serve"


class Mode(StrEnum):
    """How clients reach the proxy."""

    REVERSE = "reverse"
    REGULAR = "regular"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where and how to listen."""

    host: str
    port: int
    mode: Mode = Mode.REVERSE
    certificates: tuple[str, ...] = ()
    """PEM files, each with its key, for TLS towards the clients."""
    confdir: str = CONF_DIR
    body_size_limit: str = BODY_SIZE_LIMIT
    extra: tuple[str, ...] = ()
    """Further mitmproxy options as `name=value`; dangerous ones are refused."""


def serve(addon: LychgateAddon, listener: Listener) -> None:
    """Run until SIGINT or SIGTERM; raises `CannotServe` before anything listens."""
    asyncio.run(_serve(addon, listener))


async def _serve(addon: LychgateAddon, listener: Listener) -> None:
    _check_free(listener)
    proxy = _build(addon, listener)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, proxy.shutdown)
    await proxy.run()


def _check_free(listener: Listener) -> None:
    """Say in one line what mitmproxy would say in many."""
    try:
        family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
        socket.create_server((listener.host, listener.port), family=family).close()
    except OSError as error:
        reason = (error.strerror or "no such address").partition(" (")[0].lower()
        raise CannotServe(f"cannot listen on `{listener.host}:{listener.port}`: {reason}") from None


class _Announcement:
    """Tells the log once connections are accepted."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def running(self) -> None:
        """mitmproxy listens."""
        where = self._listener
        log.info("listening on %s:%s, mode %s", where.host, where.port, where.mode)


def _build(addon: LychgateAddon, listener: Listener) -> master.Master:
    values = options.Options()
    proxy = master.Master(values)
    proxy.addons.add(
        core.Core(),
        proxyserver.Proxyserver(),
        next_layer.NextLayer(),
        tlsconfig.TlsConfig(),
        addon,
        _Announcement(listener),
        errorcheck.ErrorCheck(),
    )
    try:
        values.update(
            **{**SHIPPED, "body_size_limit": listener.body_size_limit},
            mode=[_NOWHERE if listener.mode is Mode.REVERSE else "regular"],
            listen_host=listener.host,
            listen_port=listener.port,
            certs=list(listener.certificates),
            confdir=listener.confdir,
        )
        values.set(*listener.extra)
    except (OptionsError, KeyError) as error:
        raise CannotServe(str(error)) from error
    if proxy.addons.get(LychgateAddon.name) is not addon or not addon.ready:
        raise CannotServe("the gate is not part of this mitmproxy")
    return proxy
