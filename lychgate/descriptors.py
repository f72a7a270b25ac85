"""How many connections a process may serve at once without running out of file descriptors."""

import resource

MOST = 4096
"""Connections of one server; a library's own 128 are filled by a few slow clients."""
_KEPT = 256
"""For the database, outbound calls, mails, logs and the files of the interpreter."""
_LEAST = 16


def connections_each(servers: int) -> int:
    """Raise the soft limit to the hard one; connections for each of several servers beneath it.

    One more than fit would not be refused: the HTTP server asks the system again and again, and
    fills a core, while the store cannot be opened.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most == resource.RLIM_INFINITY:
        return MOST
    return max(_LEAST, min(MOST, (most - _KEPT) // servers))
