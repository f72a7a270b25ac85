"""The texts of tokens: derived refresh tokens, and that nothing passes for another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lychgate.core.keys import Keyring, new_sealing_key
from lychgate.core.model import AppId
from lychgate.core.session import Token, TokenType, open_token
from lychgate.oauth.tokens import RefreshToken, access_text, read_refresh, refresh_text
from lychgate.store.oauthbase import Grant, GrantKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEYRING = Keyring((), (new_sealing_key(),))
GRANT = Grant(
    id="ab12",
    kind=GrantKind.MANAGED,
    client="c",
    app=AppId("a"),
    subject="s",
    email="alice@example.com",
    session="n",
    resource="",
    scope="",
    created_at=NOW,
    expires_at=NOW + timedelta(days=1),
    generation=7,
)


@pytest.mark.parametrize("kind", list(GrantKind))
def test_a_refresh_token_is_the_same_each_time_it_is_derived(kind: GrantKind) -> None:
    grant = replace(GRANT, kind=kind)
    text = refresh_text(grant, KEYRING)
    assert text == refresh_text(grant, KEYRING)
    assert read_refresh(text, kind, KEYRING) == RefreshToken("ab12", 7)
    assert text != refresh_text(replace(grant, generation=8), KEYRING)


def test_a_refresh_token_outlives_a_new_sealing_key() -> None:
    text = refresh_text(GRANT, KEYRING)
    longer = Keyring((), (*KEYRING.sealing, new_sealing_key()))
    assert read_refresh(text, GrantKind.MANAGED, longer) == RefreshToken("ab12", 7)
    assert read_refresh(text, GrantKind.MANAGED, Keyring((), (new_sealing_key(),))) is None


def test_no_part_of_a_refresh_token_can_be_changed() -> None:
    text = refresh_text(GRANT, KEYRING)
    for place in range(len("oauth:"), len(text)):
        other = "0" if text[place] != "0" else "1"
        assert read_refresh(text[:place] + other + text[place + 1 :], GRANT.kind, KEYRING) is None
    assert read_refresh(text + "0", GRANT.kind, KEYRING) is None
    assert read_refresh(text[:-1], GRANT.kind, KEYRING) is None
    assert read_refresh("", GRANT.kind, KEYRING) is None


def test_one_kind_of_grant_does_not_pass_for_the_other() -> None:
    managed = refresh_text(GRANT, KEYRING)
    saas = refresh_text(replace(GRANT, kind=GrantKind.SAAS), KEYRING)
    assert read_refresh(managed, GrantKind.SAAS, KEYRING) is None
    assert read_refresh("oauth:" + saas, GrantKind.MANAGED, KEYRING) is None
    assert read_refresh(managed.removeprefix("oauth:"), GrantKind.SAAS, KEYRING) is None


def test_o13_an_access_token_opens_and_a_refresh_token_does_not() -> None:
    claims = {"aud": ["x"], "iat": 1, "exp": 2, "iss": "https://team.example"}
    text, whole = access_text(GRANT, claims, KEYRING, b"0" * 12)
    opened = open_token(text, KEYRING, NOW)
    assert isinstance(opened, Token)
    assert (opened.type, opened.grant) == (TokenType.OAUTH, "ab12")
    assert whole["client_id"] == "c"
    assert not isinstance(open_token(refresh_text(GRANT, KEYRING), KEYRING, NOW), Token)
    assert read_refresh(text, GrantKind.MANAGED, KEYRING) is None
