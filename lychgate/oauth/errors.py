"""What an OAuth endpoint answers when it cannot do what it was asked; the codes are the RFCs'."""

from lychgate.errors import LychgateError


class OAuthError(LychgateError):
    """A request to an OAuth endpoint that cannot be granted; `message` is for its developer."""

    code = "server_error"
    status = 400


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client is unknown, or did not prove who it is."""

    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The code or refresh token is not good, or not any more."""

    code = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """This client may not use this way to get a token."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """There is no such way to get a token here."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """Only `code` is answered."""

    code = "unsupported_response_type"


class InvalidScope(OAuthError):
    """A scope that is not on offer, or more than was granted."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """The resource is missing, malformed, or not the one that was granted (RFC 8707 2)."""

    code = "invalid_target"


class AccessDenied(OAuthError):
    """The person, or a policy, said no."""

    code = "access_denied"


class InvalidRedirectUri(OAuthError):
    """A redirect URI that no client can have."""

    code = "invalid_redirect_uri"


class InvalidClientMetadata(OAuthError):
    """A registration that asks for what is not on offer."""

    code = "invalid_client_metadata"


class UnapprovedSoftwareStatement(OAuthError):
    """Software statements are not accepted."""

    code = "unapproved_software_statement"


class UnsupportedTokenType(OAuthError):
    """Tokens of this kind cannot be revoked here."""

    code = "unsupported_token_type"


class AuthorizationPending(OAuthError):
    """Nobody has answered the device request yet."""

    code = "authorization_pending"


class SlowDown(OAuthError):
    """The device polls too often."""

    code = "slow_down"


class ExpiredToken(OAuthError):
    """The device code is over."""

    code = "expired_token"
