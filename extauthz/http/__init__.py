"""The HTTP check: one endpoint for proxies that ask over HTTP whether a request may pass."""
