"""Proofs by Envoy itself: what its filters go by, made from the snapshot and delivered at once.

Reading order: `filters` (what the three filters do), `proof` and the Lua files (what must be so of
a request), `edition` (which applications, people and sessions they know), `conversation` (what one
Envoy is told when), `server` (the gRPC service around it).
"""
