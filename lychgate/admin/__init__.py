"""The admin API: the wire contract of Cloudflare Access over this installation's store."""
