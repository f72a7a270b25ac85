"""What goes wrong when a decision server is to listen."""

from lychgate.errors import LychgateError


class CannotListen(LychgateError):
    """The endpoint is taken, or not one this process may use."""

    code = "cannot_listen"
