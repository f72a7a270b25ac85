"""The demo: a whole installation on loopback, with applications to try it on."""
