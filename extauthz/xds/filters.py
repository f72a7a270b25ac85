"""What the filters do: verify the token, see whether it was revoked, prove the request.

A filter of Envoy's own configuration has put the token of a tidy cookie line into a header, and
what is left of the line where another of our cookies had to go.

1. `keys` verifies that token with the installation's keys (`jwt_authn`) and writes the claims that
   the others look at into headers. A token that is none of ours leaves no header.
2. `recent` takes the header with the `rules` away if the application, the session or the person
   changed or was revoked since the third filter was made. It is small, so that news are in force in
   milliseconds; and it has an end (a time to live), after which Envoy takes that header away from
   every request: nothing is proved once news stay away.
3. `applications` holds the request against the conditions, the revocations as of its making, and
   the application, and takes the header away as well unless all is proved.

The last two are part of Envoy's own configuration: what still has that header gets its assertion
and identity headers, and `ext_authz` is skipped for a request with an assertion. So each filter
that is missing, fails or finds no match only means that `Check` is asked.
"""

import json
from collections.abc import Iterable, Mapping

from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_authn
from xds.core.v3.extension_pb2 import TypedExtensionConfig

from extauthz.xds.matching import (
    RUN,
    SKIP,
    OnMatch,
    ends,
    extension,
    holds,
    looked_up,
    not_,
    packed,
    unless_skipped,
    when,
)
from extauthz.xds.proof import CLAIMS, COOKIES, RULES, SESSION, TIMES, TOKEN, USER, conditions
from lychgate.core.model import Team

KEYS, RECENT, APPLICATIONS = "lychgate.keys", "lychgate.recent", "lychgate.applications"
"""The names of the filters, in the order of the chain."""
_LONGEST = 8192
"""Longest token that is remembered, as in `core.tokens`."""
_ASIDE, _TOKEN, _COOKIES = "lychgate", "token", "cookies"


def keys(jwks: Iterable[Mapping[str, str]], team: Team, tokens: int) -> TypedExtensionConfig:
    """The first filter. A failed or absent token is nobody's business here."""
    provider = jwt_authn.JwtProvider(
        issuer=team.url,
        forward=True,
        require_expiration=True,
        clock_skew_seconds=1,  # 0 would be 60; the third filter looks at the second
    )
    provider.from_headers.add(name=TOKEN)
    provider.local_jwks.inline_string = json.dumps({"keys": list(jwks)})
    provider.jwt_cache_config.jwt_cache_size = tokens
    provider.jwt_cache_config.jwt_max_token_size = _LONGEST
    for header, claim in CLAIMS:
        provider.claim_to_headers.add(header_name=header, claim_name=claim)
    rule = jwt_authn.RequirementRule(match=RouteMatch(prefix="/"))
    either = rule.requires.requires_any.requirements
    # By its name, because only then Envoy remembers what it has verified.
    either.add(provider_name="lychgate")
    either.add().allow_missing_or_failed.SetInParent()
    config = jwt_authn.JwtAuthentication(rules=[rule])
    config.providers["lychgate"].CopyFrom(provider)
    return TypedExtensionConfig(name=KEYS, typed_config=packed(config))


def recent(
    outdated: Iterable[str], sessions: Iterable[str], people: Mapping[str, int]
) -> TypedExtensionConfig:
    """The second filter: what the third does not know yet.

    `outdated` are `rules` that are no more, `people` those revoked in a second.
    """
    tree = _unless_revoked(sessions, people, RUN, SKIP)
    tree = looked_up(RULES, dict.fromkeys(outdated, RUN), tree)
    filter = unless_skipped(when(holds(RULES, "."), tree, RUN), _unproved())
    return TypedExtensionConfig(name=RECENT, typed_config=packed(filter))


def _unless_revoked(
    sessions: Iterable[str], people: Mapping[str, int], stop: OnMatch, go_on: OnMatch
) -> OnMatch:
    """Stop at sessions that ended, and at people unless their token is younger than that."""
    ended = {user: when(not_(ends(TIMES, f",{second}")), stop) for user, second in people.items()}
    return looked_up(SESSION, dict.fromkeys(sessions, stop), looked_up(USER, ended, go_on))


def applications(
    proved: Mapping[str, OnMatch], sessions: Iterable[str], people: Mapping[str, int]
) -> TypedExtensionConfig:
    """The third filter. `proved` are trees by `rules` that say SKIP to what is proved."""
    tree = _unless_revoked(sessions, people, RUN, looked_up(RULES, proved, RUN))
    tree = when(conditions(), tree, RUN)
    filter = unless_skipped(tree, _unproved())
    return TypedExtensionConfig(name=APPLICATIONS, typed_config=packed(filter))


def _unproved() -> TypedExtensionConfig:
    config = HeaderMutation()
    # The others as well, so that a check is not told everything twice.
    for name in (RULES, TOKEN, COOKIES):
        config.mutations.request_mutations.add(remove=name)
    return extension("envoy.filters.http.header_mutation", config)
