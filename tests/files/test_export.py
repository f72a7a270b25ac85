"""`lychgate export`: what is in the file, and what is not."""

import secrets
from typing import Any

import pytest
import yaml

from lychgate import service_tokens as life
from lychgate.clock import clock
from lychgate.files.text import Written, document
from lychgate.store.base import Kind, Put
from tests.files.conftest import Install
from tests.files.test_apply import API, EVERYONE, OIDC, SMALL, WIKI, put


def exported(text: str) -> dict[str, Any]:
    """The resources of an exported text."""
    found: dict[str, Any] = yaml.safe_load(text)["resources"]
    return found


def test_names_stand_for_ids_and_ids_only_where_they_matter(install: Install) -> None:
    there = install(SMALL)
    put(there, Kind.GROUP, "g-1", {"name": "made elsewhere", "include": EVERYONE})
    found = exported(there.lychgate("export").out)
    (wiki,) = found["applications"]
    assert wiki["policies"] == ["staff", {**WIKI["policies"][1]}]
    assert "id" not in wiki and "aud" not in wiki
    assert found["groups"] == [{"id": "g-1", "name": "made elsewhere", "include": EVERYONE}]


def test_ids_stand_where_a_name_would_mean_several(install: Install) -> None:
    there = install()
    for id in ("p-1", "p-2"):
        body = {"name": "twice", "decision": "allow", "include": EVERYONE, "reusable": True}
        put(there, Kind.POLICY, id, body)
    links = [{"id": "p-2", "precedence": 7}, {"id": "p-1", "precedence": 3}]
    put(there, Kind.APPLICATION, "a-1", {**WIKI, "policies": links})
    text = there.lychgate("export").out
    (wiki,) = exported(text)["applications"]
    assert wiki["policies"] == links
    file = there.folder / "x.yaml"
    file.write_text(text)
    assert there.lychgate("apply", str(file), "--prune").out == "no difference\n"


def test_secrets_are_not_in_it_and_whose_they_are_is_said(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = install()
    monkeypatch.setenv("IDP_SECRET", "do not tell")
    there.apply({"identity_providers": [OIDC]})
    token = life.create("robot", None, secrets.token_bytes, clock())
    server = {
        "id": "tools",
        "name": "Tools",
        "hostname": "https://t.example",
        "auth_type": "bearer",
    }
    sealed = {"auth_credentials": "do not tell"}
    there.store.change(
        API,
        lambda _: [
            Put(Kind.SERVICE_TOKEN, "t-1", token.body),
            Put(Kind.MCP_SERVER, "tools", server, sealed),
        ],
    )
    said = there.lychgate("export")
    for whose in ("identity provider `idp`", "service token `robot`", "MCP server `Tools`"):
        assert whose in said.err and f"#   {whose}" in said.out
    for secret in ("do not tell", token.secret, token.body["client_secret_hash"]):
        assert secret not in said.out + said.err
    hashes = there.lychgate("export", "--with-hashes")
    assert token.body["client_secret_hash"] in hashes.out and token.secret not in hashes.out
    assert "service token" not in hashes.err


def test_the_file_is_its_owners_and_replaces_another(install: Install) -> None:
    there = install(SMALL)
    file = there.folder / "x.yaml"
    file.write_text("something else")
    assert there.lychgate("export", str(file)).status == 0
    assert exported(file.read_text())["applications"][0]["name"] == "wiki"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in there.folder.glob(".x*")] == []


def test_machines_go_on_with_their_secrets_where_hashes_went_along(install: Install) -> None:
    here, elsewhere = install(), install()
    token = life.create("robot", "720h", secrets.token_bytes, clock())
    put(here, Kind.SERVICE_TOKEN, "t-1", dict(token.body))
    file = here.folder / "x.yaml"
    here.lychgate("export", "--with-hashes", str(file))
    assert elsewhere.lychgate("apply", str(file)).status == 0
    assert elsewhere.one(Kind.SERVICE_TOKEN, "robot").body == token.body
    assert elsewhere.lychgate("export", "--with-hashes").out == file.read_text()


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\r"])
def test_text_with_any_line_break_stays_text(mark: str) -> None:
    text = f"two\nlines{mark}groups: []{mark}  x"
    comment = Written({"name": text}, (text,), counts=False)
    written = document([text], {"policies": [Written({"name": text, text: [text]}), comment]})
    assert exported(written) == {"policies": [{"name": text, text: [text]}]}
