"""The mitmproxy adapter: asks the gate about each request and does what it says."""

from addon.gate_addon import LychgateAddon

__all__ = ["LychgateAddon"]
