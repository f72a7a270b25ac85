"""HTTP calls that we make ourselves: checked addresses, no redirects, limits on time and size."""

from lychgate.outbound.client import Call, NoAnswer, Outbound, Reply, Trust, Why

__all__ = ["Call", "NoAnswer", "Outbound", "Reply", "Trust", "Why"]
