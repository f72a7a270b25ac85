"""The file in the store: what it holds is there, what it dropped is gone, the rest is untouched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lychgate.config import load_text, records
from lychgate.config.edits import apply
from lychgate.config.naming import ACCOUNT
from lychgate.errors import InvalidConfiguration
from lychgate.runtime import connect
from lychgate.store.base import Actor, Kind, Put, Source, Store
from tests.config.conftest import SOUND
from tests.config.test_loading import WITH_PROVIDER

API = Actor("tests", "api")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = connect(load_text(SOUND.encode(), folder / "f.yaml", {}).settings)
    yield opened
    opened.close()


def put(text: str, store: Store, folder: Path, secret: str = "hush") -> int:
    environ = {"IDP_SECRET": secret} if secret else {}
    return apply(load_text(text.encode(), folder / "f.yaml", environ), store)


def names(store: Store, kind: Kind) -> set[str]:
    return {one.body["name"] for one in store.objects(kind)}


def test_what_the_file_holds_is_in_the_store(store: Store, folder: Path) -> None:
    put(SOUND, store, folder)
    assert names(store, Kind.APPLICATION) == {"whoami", "admin"}
    assert names(store, Kind.POLICY) == {"staff", "robots", "admins only"}
    assert {one.source for kind in Kind for one in store.objects(kind)} == {Source.FILE}
    known = records(load_text(SOUND.encode(), folder / "f.yaml", {}))
    assert {one.id for one in store.objects(Kind.POLICY)} == set(known.policies)


def test_the_same_file_again_changes_nothing(store: Store, folder: Path) -> None:
    first = put(WITH_PROVIDER, store, folder)
    assert put("# a comment\n" + WITH_PROVIDER, store, folder) == first


def test_what_the_file_dropped_is_gone(store: Store, folder: Path) -> None:
    put(SOUND, store, folder)
    without = SOUND[: SOUND.index("    - name: admin\n")].replace(
        "            - linked_app_token: {app_uid: admin}\n", ""
    )
    put(without, store, folder)
    assert names(store, Kind.APPLICATION) == {"whoami"}
    assert names(store, Kind.POLICY) == {"staff", "robots"}


def test_what_others_made_stays(store: Store, folder: Path) -> None:
    group = {"name": "theirs", "include": [{"everyone": {}}]}
    store.change(API, lambda _: [Put(Kind.GROUP, "g-1", group)])
    put(SOUND, store, folder)
    put("{team: {url: 'https://team.example.com'}, resources: {}}", store, folder)
    assert names(store, Kind.GROUP) == {"theirs"}


def test_a_file_without_resources_leaves_alone_what_another_nodes_file_holds(
    store: Store, folder: Path
) -> None:
    before = put(SOUND, store, folder)
    assert put("team: {url: 'https://team.example.com'}", store, folder) == before
    put("{team: {url: 'https://team.example.com'}, resources: {}}", store, folder)
    assert names(store, Kind.APPLICATION) == set()


def test_a_file_that_takes_the_place_of_another_application_is_refused(
    store: Store, folder: Path
) -> None:
    theirs = {"type": "self_hosted", "name": "theirs", "domain": "app.example.com"}
    before = store.change(API, lambda _: [Put(Kind.APPLICATION, "a-1", theirs)])
    with pytest.raises(InvalidConfiguration, match="already taken"):
        put(SOUND, store, folder)
    assert store.revision() == before
    assert names(store, Kind.APPLICATION) == {"theirs"}


def test_secrets_are_sealed_and_kept_when_the_variable_is_not_set(
    store: Store, folder: Path
) -> None:
    put(WITH_PROVIDER, store, folder, "first")
    provider = next(one for one in store.objects(Kind.IDP) if one.body["name"] == "idp")
    assert dict(store.secrets(Kind.IDP, provider.id)) == {"client_secret": "first"}
    first = store.revision()
    assert put(WITH_PROVIDER, store, folder, "") == first
    assert dict(store.secrets(Kind.IDP, provider.id)) == {"client_secret": "first"}
    assert put(WITH_PROVIDER, store, folder, "second") > first
    assert dict(store.secrets(Kind.IDP, provider.id)) == {"client_secret": "second"}


def test_the_hash_of_a_service_token_made_elsewhere_survives(store: Store, folder: Path) -> None:
    put(SOUND, store, folder)
    (token,) = store.objects(Kind.SERVICE_TOKEN)
    body = {**token.body, "client_secret_hash": "ab" * 32, "expires_at": "2030-01-01T00:00:00Z"}
    store.change(API, lambda _: [Put(token.kind, token.id, body, source=Source.FILE)])
    put(SOUND.replace("name: Acme", "name: Acme 2"), store, folder)
    (after,) = store.objects(Kind.SERVICE_TOKEN)
    assert after.body == body


def test_an_organization_is_made_once_when_the_file_has_none(store: Store, folder: Path) -> None:
    bare = "team: {name: Acme, url: 'https://team.example.com'}"
    put(bare, store, folder)
    organization = store.object(Kind.ORGANIZATION, ACCOUNT)
    assert organization is not None
    assert organization.body == {"name": "Acme", "auth_domain": "team.example.com"}
    assert organization.source is Source.API
    put(bare.replace("Acme", "Other"), store, folder)
    assert store.object(Kind.ORGANIZATION, ACCOUNT) == organization
