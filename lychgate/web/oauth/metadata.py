"""GET the authorization server's metadata on the team domain (RFC 8414), under both names."""

from lychgate.core.decision import HeaderList
from lychgate.oauth.managed import team_document
from lychgate.web.oauth.documents import CORS
from lychgate.web.reply import Reply, json_reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

_HEADERS: HeaderList = (("cache-control", "public, max-age=60"), *CORS)
_OPENID = {
    # Readers of this form refuse a document without them; no ID token is given for a resource.
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
}


def server_metadata(request: WebRequest, services: Services) -> Reply:
    """The document of RFC 8414."""
    return json_reply(200, team_document(services.newest()), _HEADERS)


def openid_metadata(request: WebRequest, services: Services) -> Reply:
    """Its copy for clients that look where OpenID Connect keeps it."""
    return json_reply(200, {**team_document(services.newest()), **_OPENID}, _HEADERS)
