"""Tests that replay what `cloudflared` sends."""
