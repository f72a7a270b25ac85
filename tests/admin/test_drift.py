"""What is read back is what was sent, member by member; what was never sent stays away."""

import secrets
from typing import Any

import pytest
from limits import RateLimitItemPerMinute
from pydantic import BaseModel

from lychgate.admin.refusals import Refused
from lychgate.api import body_model
from lychgate.core.selectors import ALL
from lychgate.web.admin import limit
from tests.admin.bodies import EVERYONE, Body, Made, host, rules
from tests.admin.everything import FULL, Full, make_one_of_each
from tests.admin.running import Running

FRESH = frozenset(
    {"id", "uid", "type", "name", "aud", "created_at", "updated_at", "domain", "tags", "policies"}
    | {"self_hosted_domains", "destinations", "app_launcher_visible", "allowed_idps"}
    | {"auto_redirect_to_identity", "session_duration", "enable_binding_cookie"}
    | {"http_only_cookie_attribute", "options_preflight_bypass"}
)
"""Exactly what an application shows of which nothing but a name and a domain was said."""
NOT_SENT = frozenset(
    {"aud", "zero_hop", "allow_encoded_slash", "cookie_for_origin", "crl"}
    | {"client_secret_hash", "previous_client_secret_hash", "expires_at", "reusable"}
    | {"client_id", "previous_client_secret_expires_at", "trusted_accounts"}
)
"""Members of the wire shapes that are ours alone, or that only the gate writes."""
SECRET = frozenset({"auth_credentials", "client_secret"})


@pytest.fixture(scope="module")
def made(server: Running) -> Made:
    """One of everything that can be named."""
    return make_one_of_each(server)


def members(model: type[BaseModel]) -> set[str]:
    """The wire names of a shape that callers may send."""
    return {field.alias or name for name, field in model.model_fields.items()} - NOT_SENT


SOMEWHERE = Made(*["x"] * 10)


@pytest.mark.parametrize("full", FULL.values(), ids=FULL)
def test_every_member_of_the_contract_is_tried(full: Full) -> None:
    bodies = [body(SOMEWHERE) for body in full.bodies]
    for body in bodies:
        assert set().union(*bodies) >= members(body_model(full.kind, body)) - full.without


def test_every_kind_of_rule_is_tried() -> None:
    tried = {kind for rule in rules(SOMEWHERE) for kind in rule} | {"linked_app_token"}
    assert tried == {selector.kind for selector in ALL} | {"group"}


@pytest.mark.parametrize("full", FULL.values(), ids=FULL)
def test_the_sdk_reads_what_it_wrote(
    full: Full, server: Running, cf: Any, account: str, made: Made
) -> None:
    api = full.api(cf)
    for write in full.bodies:
        sent = write(made)
        made_ = plain(api.create(account_id=account, **sent))
        id = made_[full.id]
        read = plain(getattr(api, full.get)(id, account_id=account))
        assert missing(visible_of(sent), read) == []
        changing = {name: v for name, v in sent.items() if name not in full.in_place}
        updated = plain(api.update(id, account_id=account, **changing))
        listed = next(one for one in map(plain, api.list(account_id=account)) if one[full.id] == id)
        again = plain(getattr(api, full.get)(id, account_id=account))
        assert timeless(read) == timeless(again)
        less = {name: v for name, v in timeless(read).items() if name not in full.lists_less}
        assert less == timeless(listed) == timeless(updated) == timeless(made_)
        unhost(api, id, account, sent)
        api.delete(id, account_id=account)


def missing(wanted: Body, shown: Body) -> list[str]:
    """The members that do not stand in what is shown as they were sent."""
    found: list[str] = []
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(shown.get(name), dict):
            found += missing(value, shown[name])
        elif shown.get(name) != value:
            found.append(f"{name}: {value!r} became {shown.get(name)!r}")
    return found


def unhost(api: Any, id: str, account: str, sent: Body) -> None:
    """An authority goes when no host is tied to it any more."""
    if "associated_hostnames" in sent:
        api.update(id, account_id=account, associated_hostnames=[])


def plain(value: Any) -> Body:
    """An answer of the SDK as it came."""
    shown: Body = value.to_dict(mode="json", warnings=False)
    return shown


def visible_of(sent: Body) -> Body:
    """What was sent without what is never shown."""
    return {
        name: visible_of(value) if isinstance(value, dict) else value
        for name, value in sent.items()
        if name not in SECRET and not (name == "certificate" and isinstance(value, str))
    }


def timeless(shown: Body) -> Body:
    """Without times of change, and secrets that are shown once."""
    return {
        name: timeless(value) if isinstance(value, dict) else value
        for name, value in shown.items()
        if name not in {"updated_at", "modified_at", "client_secret"}
    }


def test_a_fresh_application_shows_this_and_nothing_else(server: Running) -> None:
    with server.http() as http:
        body = {"type": "self_hosted", "name": "fresh", "domain": host()}
        shown = http.post(server.account("/access/apps"), json=body).json()["result"]
    assert set(shown) == FRESH
    assert shown["destinations"] == [{"type": "public", "uri": body["domain"]}]
    assert shown["self_hosted_domains"] == [body["domain"]]
    assert (shown["uid"], shown["session_duration"]) == (shown["id"], "24h")


@pytest.mark.parametrize("oauth", [{}, {"enabled": False}, {"grant": {"session_duration": "720h"}}])
def test_managed_oauth_reads_back_as_it_was_set(server: Running, oauth: Body) -> None:
    with server.http() as http:
        body = {"type": "self_hosted", "name": "oauth", "domain": host()}
        url = server.account("/access/apps")
        shown = http.post(url, json={**body, "oauth_configuration": oauth}).json()["result"]
        assert shown["oauth_configuration"] == oauth
        off = http.put(f"{url}/{shown['id']}", json={**body, "oauth_configuration": None})
        assert "oauth_configuration" not in off.json()["result"]


def test_a_full_update_takes_members_back_and_a_partial_one_leaves_them(server: Running) -> None:
    with server.http() as http:
        policies = server.account("/access/policies")
        whole = {"name": "p", "decision": "allow", "include": EVERYONE, "session_duration": "1h"}
        made = http.post(policies, json=whole).json()["result"]
        bare = {name: whole[name] for name in ("name", "decision", "include")}
        after = http.put(f"{policies}/{made['id']}", json=bare).json()["result"]
        assert "session_duration" not in after and after["created_at"] == made["created_at"]
        servers = server.account("/access/ai-controls/mcp/servers")
        id = secrets.token_hex(4)
        upstream = {"id": id, "name": id, "hostname": "https://x.example", "auth_type": "oauth"}
        http.post(servers, json={**upstream, "description": "stays"})
        kept = http.put(f"{servers}/{id}", json={"name": "renamed"}).json()["result"]
        assert (kept["name"], kept["description"]) == ("renamed", "stays")
        cleared = http.put(f"{servers}/{id}", json={"description": None}).json()["result"]
        assert "description" not in cleared


def test_a_zone_shows_the_same_objects(server: Running) -> None:
    with server.http() as http:
        zone = f"{server.base_url}/zones/{'a' * 32}"
        apps = http.get(f"{zone}/access/apps").json()["result"]
        assert apps and apps[0] == http.get(server.account("/access/apps")).json()["result"][0]
        assert http.get(f"{zone}/access/keys").status_code == 404
        assert http.get(f"{zone}/access/policies").json()["errors"][0]["code"] == 7003


def test_a_caller_over_the_limit_waits() -> None:
    count = limit(RateLimitItemPerMinute(2))
    count("one")
    count("one")
    count("another")
    with pytest.raises(Refused) as refused:
        count("one")
    assert refused.value.status == 429 and dict(refused.value.headers)["retry-after"].isdigit()


def test_a_path_may_hold_a_name_with_a_slash(cf: Any, account: str) -> None:
    name, tags = f"a/b {secrets.token_hex(4)} ü", cf.zero_trust.access.tags
    made = tags.create(account_id=account, name=name)
    assert tags.get(made.name, account_id=account).name == name
    tags.delete(made.name, account_id=account)
