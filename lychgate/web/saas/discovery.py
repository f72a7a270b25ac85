"""What a client of a SaaS application must know of us: endpoints, abilities, keys."""

from lychgate.core.keys import jwks
from lychgate.oauth.saas_tokens import discovery
from lychgate.web.certs import PUBLIC
from lychgate.web.reply import Reply, json_reply
from lychgate.web.request import WebRequest
from lychgate.web.saas.client import provider_of
from lychgate.web.services import Services


def configuration(request: WebRequest, services: Services) -> Reply:
    """GET .well-known/openid-configuration (OpenID Connect Discovery 4)."""
    provider = provider_of(request, services)
    return json_reply(200, discovery(provider.snapshot.team, provider.client), PUBLIC)


def keys(request: WebRequest, services: Services) -> Reply:
    """GET jwks: the keys that sign ID tokens, the coming one included (RFC 7517)."""
    provider = provider_of(request, services)
    document = {"keys": jwks(provider.snapshot.keyring, services.clock())}
    return json_reply(200, document, PUBLIC)
