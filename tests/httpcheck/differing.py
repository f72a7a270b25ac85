"""Where a proxy cannot do as the others do, and what happens instead: always something safe.

Each reason stands in the guide of that proxy; `test_own_ways.py` tries what happens instead.
"""

from collections.abc import Mapping

type Where = tuple[str, str]
"""A test, and of which parameters; an empty string is all of them."""

_FAMILY = "a header of the `Cf-Access-` family that is not one of ours gets 400"
_UNKNOWN_HOST = "a host that the configuration does not name gets 404 without a question"

DIFFERS: Mapping[str, Mapping[Where, str]] = {
    "envoy-http": {},
    "nginx": {
        ("test_it_is_as_with_grpc", "no-upstream"): _UNKNOWN_HOST,
        ("test_it_is_as_with_grpc", "trace"): "TRACE gets the 405 of nginx",
        ("test_F07_what_only_looks_like_our_path_is_judged", "/cdn-cgi/access"): (
            "the path `/cdn-cgi/access` itself gets 404"
        ),
        ("test_H01_forged_identity_never_arrives_with_a_real_one", ""): _FAMILY,
        ("test_H02_forged_identity_never_arrives_where_none_is_added", ""): _FAMILY,
        ("test_H03_an_underscore_in_a_name_is_bad", ""): (
            "a header with an underscore in its name is left out, and the request goes on"
        ),
        ("test_S04_the_pair_and_the_single_header_at_once", ""): (
            "a second `Authorization` line gets 400"
        ),
    },
    "caddy": {
        **{
            ("test_it_is_as_with_grpc", case): (
                "another spelling of the path is asked for with a redirect (308)"
            )
            for case in ("percent-lower-case", "unreserved-decoded", "dots", "slashes")
        },
        ("test_it_is_as_with_grpc", "no-upstream"): _UNKNOWN_HOST,
        ("test_P12_host_spelling", "a.example."): "a host with a dot at its end gets 404",
        ("test_P12_host_spelling", "A.Example.:443"): "a host with a dot at its end gets 404",
        ("test_F11_methods_that_are_none_are_bad", "A" * 40): "a method that is too long gets 405",
        ("test_H01_forged_identity_never_arrives_with_a_real_one", ""): _FAMILY,
        ("test_H02_forged_identity_never_arrives_where_none_is_added", ""): _FAMILY,
        ("test_D01_a_head_beyond_the_limits_is_refused", "cookie"): (
            "heads of up to 1 MB are taken"
        ),
    },
    "haproxy": {
        ("test_P13_host_nonsense", r"Host: a.example\r\nHost: a.example\r\n"): (
            "the same `Host` twice counts once"
        ),
    },
}
