"""The product as people meet it: real proxies, real browser, real processes."""
