"""PKCE against the RFC's own example."""

import pytest

from lychgate.oauth.pkce import is_challenge, proves

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_example_of_appendix_b() -> None:
    assert is_challenge(CHALLENGE)
    assert proves(VERIFIER, CHALLENGE)
    assert not proves(VERIFIER.lower(), CHALLENGE)


def test_a_verifier_without_a_challenge_is_refused() -> None:
    assert not proves(VERIFIER, "")
    assert proves("", "")
    assert not proves("", CHALLENGE)


@pytest.mark.parametrize(
    "verifier", ["a" * 42, "a" * 129, "a" * 43 + "\n", "a" * 42 + "/", "a" * 42 + "é"]
)
def test_a_verifier_out_of_shape_proves_nothing(verifier: str) -> None:
    assert not proves(verifier, CHALLENGE)


@pytest.mark.parametrize("text", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+"])
def test_what_cannot_be_a_challenge(text: str) -> None:
    assert not is_challenge(text)
