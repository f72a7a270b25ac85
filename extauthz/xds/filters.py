"""What the filters do: verify the token, put it aside unless it was revoked, prove the request.

1. `keys` verifies the token of the cookie with the installation's keys (`jwt_authn`) and writes the
   claims that the others look at into headers. A token that is none of ours leaves no header.
2. `recent` puts aside the token, and the cookies that the origin gets, unless the application, the
   session or the person changed or was revoked since the third filter was made. It is small, so
   that news are in force in milliseconds; and it has an end (a time to live), so that nothing is
   put aside, and nothing proved, once news stay away.
3. `applications` holds the request against the conditions, the revocations as of its making, and
   the application. It takes the header with the `rules` away from whatever is not proved.

The last two are part of Envoy's own configuration: what still has that header gets its assertion
and identity headers, and `ext_authz` is skipped for a request with an assertion. So each filter
that is missing, fails or finds no match only means that `Check` is asked.
"""

import json
from collections.abc import Iterable, Mapping

from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from envoy.extensions.filters.http.header_to_metadata.v3.header_to_metadata_pb2 import Config
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_authn
from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import (
    DynamicMetadataInput,
)
from envoy.extensions.matching.input_matchers.metadata.v3.metadata_pb2 import Metadata
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher

from extauthz.xds.matching import (
    RUN,
    SKIP,
    OnMatch,
    Predicate,
    all_of,
    ends,
    extension,
    looked_up,
    not_,
    packed,
    present,
    unless_skipped,
    when,
)
from extauthz.xds.proof import CLAIMS, RULES, SESSION, TIMES, USER, conditions
from lychgate.core.model import Team
from lychgate.core.urls import APP_SESSION_COOKIE, AUTH_COOKIE

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
        from_cookies=[AUTH_COOKIE],
        require_expiration=True,
        clock_skew_seconds=1,  # 0 would be 60; the third filter looks at the second
    )
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
    tree = _unless_revoked(sessions, people, SKIP, RUN)
    tree = looked_up(RULES, dict.fromkeys(outdated, SKIP), tree)
    named = all_of(*(present(name) for name in (RULES, SESSION, USER)))
    filter = unless_skipped(when(named, tree, SKIP), _put_aside())
    return TypedExtensionConfig(name=RECENT, typed_config=packed(filter))


def _unless_revoked(
    sessions: Iterable[str], people: Mapping[str, int], stop: OnMatch, go_on: OnMatch
) -> OnMatch:
    """Stop at sessions that ended, and at people unless their token is younger than that."""
    ended = {
        user: when(not_(ends(TIMES, f",{second}")), stop) for user, second in people.items()
    }
    return looked_up(SESSION, dict.fromkeys(sessions, stop), looked_up(USER, ended, go_on))


def _put_aside() -> TypedExtensionConfig:
    config = Config()
    token = config.request_rules.add(cookie=AUTH_COOKIE).on_header_present
    token.metadata_namespace, token.key = _ASIDE, _TOKEN
    kept = config.request_rules.add(header="cookie").on_header_present
    kept.metadata_namespace, kept.key = _ASIDE, _COOKIES
    kept.regex_value_rewrite.pattern.regex = f"{APP_SESSION_COOKIE}=[^;]*; "
    return extension("envoy.filters.http.header_to_metadata", config)


def applications(
    proved: Mapping[str, OnMatch], sessions: Iterable[str], people: Mapping[str, int]
) -> TypedExtensionConfig:
    """The third filter. `proved` are trees by `rules` that say SKIP to what is proved."""
    tree = _unless_revoked(sessions, people, RUN, looked_up(RULES, proved, RUN))
    tree = when(all_of(_aside(), conditions()), tree, RUN)
    filter = unless_skipped(tree, _unproved())
    return TypedExtensionConfig(name=APPLICATIONS, typed_config=packed(filter))


def _unproved() -> TypedExtensionConfig:
    config = HeaderMutation()
    config.mutations.request_mutations.add(remove=RULES)
    return extension("envoy.filters.http.header_mutation", config)


def _aside() -> Predicate:
    """Whether the second filter put a token aside."""
    place = DynamicMetadataInput(filter=_ASIDE)
    place.path.add(key=_TOKEN)
    matcher = Metadata()
    matcher.value.present_match = True
    single = Matcher.MatcherList.Predicate.SinglePredicate(
        input=extension("aside", place), custom_match=extension("is_there", matcher)
    )
    return Matcher.MatcherList.Predicate(single_predicate=single)
