"""What a handler raises to end a request with an error page."""

from lychgate.errors import LychgateError


class PageError(LychgateError):
    """A request that ends here; the visitor gets a page with the message and the request id."""

    code = "page_error"
    status = 500


class BadRequest(PageError):
    """The request itself is at fault."""

    code = "bad_request"
    status = 400


class InvalidSession(PageError):
    """A login that another browser began, that was used up, or that took too long."""

    code = "invalid_session"
    status = 400


class ForbiddenOrigin(PageError):
    """A form that was sent from another site."""

    code = "forbidden_origin"
    status = 403


class Forbidden(PageError):
    """This person may not do that."""

    code = "forbidden"
    status = 403


class NotFound(PageError):
    """No such page."""

    code = "not_found"
    status = 404


class TooMany(PageError):
    """A limit was reached."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until it is worth trying again."""


class Unavailable(PageError):
    """Something the login needs cannot be reached now."""

    code = "unavailable"
    status = 503
