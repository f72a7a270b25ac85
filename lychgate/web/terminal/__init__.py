"""Signing in a command line that waits elsewhere: the login of `cloudflared access`."""
