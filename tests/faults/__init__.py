"""What happens while something real is broken, and that it mends by itself.

Each row of `docs/when-things-break.md` names tests; most are here.
"""
