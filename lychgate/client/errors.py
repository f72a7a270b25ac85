"""What stops a command line that wants through a gate."""

from lychgate.errors import LychgateError


class ClientError(LychgateError):
    """Something a `lychgate access` command cannot get past."""

    code = "client_error"


class BadUrl(ClientError):
    """The address given is no web address."""

    code = "bad_url"


class Unreachable(ClientError):
    """A server did not answer, or not as its protocol says."""

    code = "unreachable"


class NotProtected(ClientError):
    """There is no gate in front of this address."""

    code = "not_protected"


class NoManagedOAuth(ClientError):
    """A gate is there, but the application has managed OAuth off."""

    code = "no_managed_oauth"


class LoginRefused(ClientError):
    """The person, the policies or the server said no."""

    code = "login_refused"


class NoToken(ClientError):
    """Nobody has logged in to this application here, or the login is over."""

    code = "no_token"


class TokenFileBroken(ClientError):
    """A token file that is not as it was written, or that others can read."""

    code = "token_file_broken"
