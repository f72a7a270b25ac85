"""`lychgate apply`: what it shows, what it changes, and what it refuses."""

import secrets
from datetime import timedelta
from typing import Any

import pytest

from lychgate import service_tokens as life
from lychgate.api.service_tokens import hash_secret
from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.naming import ACCOUNT
from lychgate.config.resource_file import read_resource_file
from lychgate.core.model import TokenId
from lychgate.files.applying import ACTOR, carry_out
from lychgate.files.proposal import Terms, propose
from lychgate.files.stock import Stock
from lychgate.store.base import Actor, AuditFilter, Kind, Put, Source, Stale
from tests.files.conftest import Install, Installation

API = Actor("somebody else", "api")
EVERYONE: list[Any] = [{"everyone": {}}]
STAFF = {"name": "staff", "decision": "allow", "include": EVERYONE}
OWN = {"name": "own", "decision": "deny", "include": EVERYONE}
WIKI: dict[str, Any] = {
    "name": "wiki",
    "type": "self_hosted",
    "domain": "wiki.example.com",
    "policies": ["staff", OWN],
}
SMALL = {"policies": [STAFF], "applications": [WIKI]}


def put(there: Installation, kind: Kind, id: str, body: dict[str, Any]) -> None:
    """What another administrator does over the API."""
    there.store.change(API, lambda _: [Put(kind, id, body)])


def test_what_a_file_says_is_made_and_the_second_time_is_no_difference(install: Install) -> None:
    there = install()
    first = there.apply(SMALL)
    assert first.status == 0
    assert "+ policy `staff`" in first.out and "+ application `wiki`" in first.out
    assert first.out.endswith("2 new\napplied\n")
    assert there.one(Kind.APPLICATION, "wiki").source is Source.API
    assert sorted(there.names(Kind.POLICY)) == ["own", "staff"]
    revision = there.store.revision()
    again = there.apply(SMALL)
    assert (again.status, again.out) == (0, "no difference\n")
    assert there.store.revision() == revision


def test_a_dry_run_changes_nothing_and_its_status_tells(install: Install) -> None:
    there = install()
    revision = there.store.revision()
    dry = there.apply(SMALL, "--dry-run")
    assert dry.status == 3 and "2 new" in dry.out and "applied" not in dry.out
    assert there.store.revision() == revision
    there.apply(SMALL)
    assert there.apply(SMALL, "--dry-run").status == 0


def test_a_difference_is_shown_member_by_member(install: Install) -> None:
    there = install()
    there.apply(SMALL)
    own = {**OWN, "session_duration": "1h"}
    changed = {**WIKI, "session_duration": "30m", "logo_url": "https://a.example/l", "tags": ["t"]}
    changed["policies"] = [own]
    said = there.apply({"tags": [{"name": "t"}], "applications": [changed]}, "--dry-run")
    assert said.out.splitlines() == [
        "+ tag `t`",
        "    + name: t",
        "~ application `wiki`",
        "    ~ policies:",
        "      ~ own:",
        "        + session_duration: 1h",
        "      - staff",
        "    + logo_url: https://a.example/l",
        "    + session_duration: 30m",
        "    + tags:",
        "      + t",
        "1 new, 1 changed",
    ]


def test_each_change_is_in_the_audit_log(install: Install) -> None:
    there = install()
    there.apply(SMALL)
    lines = there.store.audit.query(AuditFilter(actions=("put",), limit=3))
    assert {(line.actor, line.actor_kind) for line in lines} == {(ACTOR.name, "cli")}
    assert len({line.revision for line in lines}) == 1


def test_objects_are_known_by_their_names_wherever_they_were_made(install: Install) -> None:
    there = install()
    put(there, Kind.POLICY, "p-1", {**STAFF, "reusable": True})
    put(there, Kind.GROUP, "g-1", {"name": "people", "include": EVERYONE})
    by_group = [{"group": {"id": "people"}}]
    said = there.apply(
        {
            "policies": [{**STAFF, "include": by_group}],
            "applications": [{**WIKI, "policies": ["staff"]}],
        }
    )
    assert said.status == 0 and "~ policy `staff`" in said.out
    assert there.one(Kind.POLICY, "staff").id == "p-1"
    assert there.one(Kind.POLICY, "staff").body["include"] == [{"group": {"id": "g-1"}}]
    links = there.one(Kind.APPLICATION, "wiki").body["policies"]
    assert links == [{"id": "p-1", "precedence": 1}]


def test_a_name_that_several_have_means_none(install: Install) -> None:
    there = install()
    for id in ("p-1", "p-2"):
        put(there, Kind.POLICY, id, {**STAFF, "reusable": True})
    said = there.apply({"applications": [{**WIKI, "policies": ["staff"]}]})
    assert said.status == 1 and "more than one policy is called `staff`" in said.err
    assert "resources.yaml:6: " in said.err
    said = there.apply({"policies": [STAFF]})
    assert said.status == 1 and "say which by its id" in said.err
    assert there.apply({"policies": [{**STAFF, "id": "p-2", "session_duration": "1h"}]}).status == 0
    untouched = there.store.object(Kind.POLICY, "p-1")
    assert untouched is not None and untouched.body == {**STAFF, "reusable": True}


def test_members_the_gate_computes_survive(install: Install) -> None:
    there = install()
    body = {**WIKI, "policies": [], "aud": "ab" * 32}
    put(there, Kind.APPLICATION, "a-1", body)
    saas = {
        "type": "saas",
        "name": "far",
        "saas_app": {
            "auth_type": "oidc",
            "redirect_uris": ["https://far.example/cb"],
            "client_id": "known",
            "client_secret_hash": "cd" * 32,
        },
    }
    put(there, Kind.APPLICATION, "a-2", saas)
    there.apply(
        {
            "applications": [
                {"name": "wiki", "type": "self_hosted", "domain": "wiki2.example.com"},
                {
                    "name": "far",
                    "type": "saas",
                    "saas_app": {"auth_type": "oidc", "redirect_uris": ["https://far.example/2"]},
                },
            ]
        }
    )
    assert there.one(Kind.APPLICATION, "wiki").body["aud"] == "ab" * 32
    after = there.one(Kind.APPLICATION, "far").body["saas_app"]
    assert (after["client_id"], after["client_secret_hash"]) == ("known", "cd" * 32)
    assert after["redirect_uris"] == ["https://far.example/2"]


def test_every_problem_is_named_with_its_line_and_nothing_is_written(install: Install) -> None:
    there = install()
    revision = there.store.revision()
    said = there.apply(
        """\
policies:
  - name: staff
    decision: maybe
    include: [{everyone: {}}]
applications:
  - name: wiki
    type: self_hosted
    domain: wiki.example.com
    tags: [none]
    policies: [staf, {name: odd, decision: allow, include: [{emial: {email: a@b}}]}]
    colour: red
team: {}
"""
    )
    assert said.status == 1
    lines = [line.partition("resources.yaml:")[2] for line in said.err.splitlines()]
    assert [line.split(":")[0] for line in lines] == ["4", "10", "11", "11", "12", "13"]
    for part in ("unrecognized", "no tag `none`", "did you mean `staff`?", "emial", "unknown key"):
        assert part in said.err
    assert there.store.revision() == revision


def test_problems_write_nothing_on_the_terminal(install: Install) -> None:
    name = "\x1b[2J\x9b31m"
    said = install().apply({"certificates": [{"name": "x", "certificate_file": name}]})
    assert said.status == 1 and "[2J" in said.err
    assert not {"\x1b", "\x9b"} & set(said.err)


def test_settings_have_no_place_in_it(install: Install) -> None:
    there = install()
    file = there.folder / "r.yaml"
    file.write_text("team: {url: 'https://x.example'}\nresources: {}\n")
    said = there.lychgate("apply", str(file))
    assert said.status == 1 and "r.yaml:1: only `resources` may stand here" in said.err


def test_what_does_not_compile_with_the_rest_is_refused(install: Install) -> None:
    there = install()
    put(there, Kind.APPLICATION, "a-1", {**WIKI, "name": "other", "policies": []})
    said = there.apply({"applications": [{**WIKI, "policies": []}]}, "--dry-run")
    assert said.status == 1 and "`wiki.example.com/` is already taken" in said.err
    assert "resources.yaml:3: " in said.err and "resources.yaml:1: " not in said.err


def test_the_configuration_file_keeps_what_is_its_own(install: Install) -> None:
    there = install(SMALL)
    assert there.apply(SMALL).out == "no difference\n"
    said = there.apply({"policies": [{**STAFF, "session_duration": "1h"}]})
    assert said.status == 1
    assert "`staff` is in the configuration file of the installation (change it there)" in said.err
    gone = there.apply({}, "--prune", "--yes")
    assert gone.status == 0 and gone.out == "no difference\n"
    assert there.names(Kind.APPLICATION) == ["wiki"]
    inside = {**WIKI, "policies": ["staff"]}
    assert there.apply({"applications": [inside]}).status == 1


def test_prune_deletes_what_the_file_does_not_name_and_says_what_that_is(install: Install) -> None:
    there = install({"groups": [{"name": "of the file", "include": EVERYONE}]})
    token = life.create("robot", None, secrets.token_bytes, clock())
    put(there, Kind.SERVICE_TOKEN, "t-1", dict(token.body))
    there.store.token_uses.note({TokenId("t-1"): clock()})
    machines = {
        "name": "machines",
        "decision": "non_identity",
        "include": [{"service_token": {"token_id": "t-1"}}],
    }
    there.apply({**SMALL, "policies": [STAFF, machines], "tags": [{"name": "t"}]})
    kept = there.apply({"policies": [STAFF]})
    assert kept.out == "no difference\n"
    said = there.apply({"policies": [STAFF]}, "--prune", "--dry-run")
    assert said.status == 3 and "3 gone" not in said.out and "4 gone" in said.out
    assert "- service token `robot`" in said.out and "its secret stops working" in said.out
    assert "now named by policy `machines`" in said.out and "last used 20" in said.out
    assert "- application `wiki`" in said.out and "its tokens stop working" in said.out
    assert there.apply({"policies": [STAFF]}, "--prune").status == 0
    assert there.names(Kind.POLICY) == ["staff"]
    assert there.store.objects(Kind.SERVICE_TOKEN) == there.store.objects(Kind.TAG) == ()
    assert there.names(Kind.GROUP) == ["of the file"]
    assert there.store.object(Kind.ORGANIZATION, ACCOUNT) is not None


def test_with_prune_nothing_may_be_named_that_goes(install: Install) -> None:
    there = install()
    there.apply(SMALL)
    said = there.apply({"applications": [WIKI]}, "--prune")
    assert said.status == 1 and "with `--prune` nothing else stays" in said.err


def test_a_policy_that_its_application_drops_is_gone_without_prune(install: Install) -> None:
    there = install()
    there.apply(SMALL)
    said = there.apply({"applications": [{**WIKI, "policies": ["staff"]}]})
    assert "1 changed\n" in said.out
    assert there.names(Kind.POLICY) == ["staff"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            {"applications": [WIKI]},
            {"applications": [{**WIKI, "type": "bookmark", "policies": []}]},
        ),
        ({"lists": [{"name": "l", "type": "IP"}]}, {"lists": [{"name": "l", "type": "EMAIL"}]}),
    ],
)
def test_what_cannot_change_over_the_api_cannot_change_here(
    install: Install, first: dict[str, Any], second: dict[str, Any]
) -> None:
    there = install()
    there.apply({"policies": [STAFF], **first})
    said = there.apply(second)
    assert said.status == 1 and "type of the" in said.err and "cannot change" in said.err


def test_there_is_one_object_of_some_types(install: Install) -> None:
    there = install({"identity_providers": [{"name": "Code", "type": "onetimepin", "config": {}}]})
    said = there.apply({"identity_providers": [{"id": "x", "name": "P", "type": "onetimepin"}]})
    assert said.status == 1 and "there is one of type onetimepin already, `Code`" in said.err


def test_a_policy_lives_in_one_application(install: Install) -> None:
    there = install()
    there.apply(SMALL)
    own = there.one(Kind.POLICY, "own").id
    other = {**WIKI, "name": "other", "domain": "other.example.com"}
    other["policies"] = [{**OWN, "id": own}]
    said = there.apply({"applications": [other]})
    assert said.status == 1 and "the policy `own` lives in the application `wiki`" in said.err
    staff = there.one(Kind.POLICY, "staff").id
    other["policies"] = [{**STAFF, "id": staff, "session_duration": "1h"}]
    said = there.apply({"applications": [other]})
    assert said.status == 1 and "can be used by several applications" in said.err


def concurrent(there: Installation, resources: dict[str, Any]) -> Any:
    """An `apply` that has shown its difference and is about to make it."""
    file = there.write(resources)
    read = read_resource_file(file.read_bytes(), file, {})
    stock = Stock.of_store(there.store)
    terms = Terms(load(there.config).settings, there.store.secrets, clock())
    proposal = propose(read, stock, terms)
    return lambda: carry_out(proposal, read, stock, terms, there.store)


def test_a_change_that_somebody_else_made_meanwhile_is_not_overwritten(install: Install) -> None:
    there = install()
    there.apply(SMALL)
    go_on = concurrent(there, {"policies": [{**STAFF, "session_duration": "1h"}]})
    theirs = {**there.one(Kind.POLICY, "staff").body, "session_duration": "2h"}
    put(there, Kind.POLICY, there.one(Kind.POLICY, "staff").id, theirs)
    with pytest.raises(Stale) as stale:
        go_on()
    assert "run it again" in stale.value.hint
    assert there.one(Kind.POLICY, "staff").body == theirs


def test_neither_is_an_object_of_the_same_name(install: Install) -> None:
    there = install()
    go_on = concurrent(there, {"policies": [STAFF]})
    put(there, Kind.POLICY, "p-1", {**STAFF, "reusable": True})
    with pytest.raises(Stale):
        go_on()
    assert len(there.store.objects(Kind.POLICY)) == 1


def test_changes_of_other_objects_do_not_disturb(install: Install) -> None:
    there = install()
    go_on = concurrent(there, {"policies": [STAFF]})
    put(there, Kind.GROUP, "g-1", {"name": "people", "include": EVERYONE})
    go_on()
    assert there.names(Kind.POLICY) == ["staff"] and there.names(Kind.GROUP) == ["people"]


OIDC: dict[str, Any] = {
    "name": "idp",
    "type": "oidc",
    "config": {
        "client_id": "us",
        "client_secret": "${ENV:IDP_SECRET}",
        "auth_url": "https://idp.example.com/a",
        "token_url": "https://idp.example.com/t",
        "certs_url": "https://idp.example.com/c",
    },
}


def test_a_secret_is_sealed_and_neither_shown_nor_repeated(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = install()
    monkeypatch.setenv("IDP_SECRET", "do not tell")
    said = there.apply({"identity_providers": [OIDC]})
    assert said.status == 0 and "client_secret: (hidden)" in said.out
    provider = there.one(Kind.IDP, "idp")
    assert dict(there.store.secrets(Kind.IDP, provider.id)) == {"client_secret": "do not tell"}
    assert there.apply({"identity_providers": [OIDC]}).out == "no difference\n"
    monkeypatch.setenv("IDP_SECRET", "another one")
    said = there.apply({"identity_providers": [OIDC]})
    assert "~ client_secret: replaced" in said.out
    monkeypatch.delenv("IDP_SECRET")
    said = there.apply({"identity_providers": [OIDC]})
    assert said.out == "no difference\n" and "`IDP_SECRET` is not set" in said.err
    assert dict(there.store.secrets(Kind.IDP, provider.id)) == {"client_secret": "another one"}
    assert "do not tell" not in said.out + said.err and "another" not in said.out + said.err


def test_a_stored_secret_is_not_sent_to_another_address(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = install()
    monkeypatch.setenv("IDP_SECRET", "do not tell")
    there.apply({"identity_providers": [OIDC]})
    monkeypatch.delenv("IDP_SECRET")
    moved = {**OIDC, "config": {**OIDC["config"], "token_url": "https://evil.example/t"}}
    said = there.apply({"identity_providers": [moved]})
    assert said.status == 1 and "client_secret is a required field" in said.err


def test_a_secret_in_the_wrong_place_is_refused(install: Install) -> None:
    there = install()
    scim = {"idp_uid": "x", "authentication": {"client_secret": "do not tell"}}
    said = there.apply({"applications": [{**WIKI, "policies": [], "scim_config": scim}]})
    assert said.status == 1 and "would not be kept secret" in said.err
    assert "do not tell" not in said.err


def test_a_service_token_keeps_what_was_made_of_it(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = install()
    held = "cfast_" + "a" * 48
    monkeypatch.setenv("ROBOT", held)
    robot = {"name": "robot", "client_secret": "${ENV:ROBOT}", "expires_at": "2030-01-01T00:00:00Z"}
    assert there.apply({"service_tokens": [robot]}).status == 0
    token = there.one(Kind.SERVICE_TOKEN, "robot")
    assert token.body["client_secret_hash"] == hash_secret(held)
    rotated = life.rotate(token.body, None, secrets.token_bytes, clock())
    refreshed = life.refresh({**rotated.body, "duration": "720h"}, clock())
    put(there, Kind.SERVICE_TOKEN, token.id, dict(refreshed))
    said = there.apply({"service_tokens": [{**robot, "duration": "720h"}]})
    assert said.out == "no difference\n"
    assert "`robot` has a secret already, which stays" in said.err
    said = there.apply({"service_tokens": [{"name": "robot", "duration": "1440h"}]})
    assert "~ duration: 720h → 1440h" in said.out
    ends = life.expires_at(there.one(Kind.SERVICE_TOKEN, "robot").body)
    assert timedelta(days=59) < ends - clock() <= timedelta(days=60)


def test_a_weak_secret_is_refused(install: Install) -> None:
    there = install()
    said = there.apply({"service_tokens": [{"name": "robot", "client_secret": "short"}]})
    assert said.status == 1 and "client_secret must be 40 to 200 letters" in said.err


def test_settings_of_the_gate_itself_are_resources_too(install: Install) -> None:
    there = install()
    host = {"hostname": "a.example", "client_certificate_forwarding": True, "china_network": False}
    resources = {
        "keys": {"key_rotation_interval_days": 30},
        "certificate_settings": {"settings": [host]},
        "organization": {"session_duration": "12h"},
    }
    assert there.apply(resources).status == 0
    assert {one.id for one in there.store.objects(Kind.SETTINGS)} == {"keys", "certificates"}
    assert there.apply(resources).out == "no difference\n"
    said = there.apply({"keys": {"key_rotation_interval_days": 3}, "certificate_settings": {}})
    assert "out of range" in said.err and "settings is a required field" in said.err
    organization = there.store.object(Kind.ORGANIZATION, ACCOUNT)
    assert organization is not None
    assert organization.body["name"] == "Acme"
    assert organization.body["auth_domain"] == "team.example.com"


def test_another_team_domain_is_refused(install: Install) -> None:
    said = install().apply({"organization": {"auth_domain": "other.example.com"}})
    assert said.status == 1 and "auth_domain must be the host of team.url" in said.err
