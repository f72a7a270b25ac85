"""Traces: joined with those of the real Envoy, harmless when nobody takes them."""
