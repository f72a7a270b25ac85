"""Which mitmproxy options the gate ships, and which ones it refuses to run with."""

from collections.abc import Mapping
from typing import Any, Protocol

from mitmproxy.proxy.mode_specs import ProxyMode, RegularMode, ReverseMode, UpstreamMode

BODY_SIZE_LIMIT = "256m"

SHIPPED: Mapping[str, Any] = {
    "keep_host_header": True,
    "validate_inbound_headers": True,
    "connection_strategy": "lazy",
    "body_size_limit": BODY_SIZE_LIMIT,
    "http3": False,
    "rawtcp": False,
}
"""What must be set differently from mitmproxy's own defaults, or must not be changed."""

_NEEDED: Mapping[str, tuple[Any, str]] = {
    "keep_host_header": (True, "without it the gate cannot see which host was asked for"),
    "validate_inbound_headers": (True, "without it requests can be smuggled"),
    "connection_strategy": ("lazy", "otherwise the upstream is connected before the decision"),
    "stream_large_bodies": (None, "it sends bodies on before or without a decision"),
    "rawtcp": (False, "it forwards connections that nobody judges"),
    "http3": (False, "it is not tested with the gate"),
    "ssl_insecure": (False, "the upstream's certificate would not be checked"),
}
_UNSET: Mapping[str, str] = {
    "ignore_hosts": "it forwards connections that nobody judges",
    "allow_hosts": "it forwards connections that nobody judges",
    "tcp_hosts": "it forwards connections that nobody judges",
    "udp_hosts": "it forwards connections that nobody judges",
    "map_remote": "it changes a request after the decision",
    "map_local": "it answers in place of the application",
    "modify_headers": "it changes a request after the decision",
    "modify_body": "it changes a request after the decision",
    "stickycookie": "it gives one visitor's cookies to another",
    "stickyauth": "it gives one visitor's credentials to another",
    "server_replay": "it answers in place of the application",
}


class OptionValues(Protocol):
    """The part of mitmproxy's option manager that is read here."""

    def __contains__(self, name: object) -> bool:
        """Whether an option of this name exists."""
        ...

    def __getattr__(self, name: str) -> Any:
        """The value of an option."""
        ...


def problems(options: OptionValues) -> tuple[str, ...]:
    """Every reason why the gate must not run with these options."""
    found = [
        f"`{name}` must be `{_text(value)}`: {why}"
        for name, (value, why) in _NEEDED.items()
        if name in options and getattr(options, name) != value
    ]
    found += [
        f"`{name}` must not be set: {why}"
        for name, why in _UNSET.items()
        if name in options and getattr(options, name)
    ]
    if not options.body_size_limit:
        found.append("`body_size_limit` must be set: a refused upload is read to its end")
    if "web_host" in options:
        found.append("mitmweb must not be used: its interface shows every visitor's cookies")
    return (*found, *(_mode_problem(mode) for mode in options.mode if not _is_known(mode)))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value or "unset")


def _is_known(mode: str) -> bool:
    match ProxyMode.parse(mode):
        case RegularMode() | UpstreamMode():
            return True
        case ReverseMode(scheme=scheme):
            return scheme in ("http", "https")
        case _:
            return False


def _mode_problem(mode: str) -> str:
    return (
        f"mode `{mode}` cannot be gated: use `reverse:http://…`, `reverse:https://…` or `regular`"
    )
