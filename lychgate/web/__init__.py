"""The companion app: login, callback, logout and every other page of our own, over HTTP."""
