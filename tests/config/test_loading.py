"""The file becomes settings and resources; every problem is named with its line."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lychgate.config import Loaded, load, load_text, records, validate
from lychgate.core.model import Action, Rule, TokenId
from lychgate.errors import InvalidConfiguration, UnreadableFile
from lychgate.settings import LogFormat, LogLevel, Upstream
from tests.config.conftest import SOUND, Write


def loaded(text: str) -> Loaded:
    return load_text(text.encode(), Path("/etc/lychgate/f.yaml"), {})


def problems(path: Path) -> list[str]:
    report = validate(path, {})
    return [str(problem).removeprefix(f"{path}:") for problem in report.problems]


def warnings(path: Path) -> list[str]:
    return [str(one).removeprefix(f"{path}:") for one in validate(path, {}).warnings]


def test_the_sound_file_has_nothing_to_say(write: Write) -> None:
    path = write(SOUND)
    assert (problems(path), warnings(path)) == ([], [])


def test_names_stand_for_ids() -> None:
    found = records(loaded(SOUND))
    apps = {app.name: app for app in found.applications.values()}
    policies = {policy.name: policy for policy in found.policies.values()}
    (code,) = found.identity_providers.values()
    (robot,) = found.service_tokens.values()
    (group,) = found.groups.values()
    (people,) = found.lists.values()
    assert apps["whoami"].allowed_idps == (code.id,)
    assert apps["whoami"].policies == (policies["staff"].id, policies["robots"].id)
    assert policies["robots"].include == (
        Rule("service_token", {"token_id": robot.id}),
        Rule("linked_app_token", {"app_uid": apps["admin"].id}),
    )
    assert policies["staff"].include[1:] == (
        Rule("email_list", {"id": people.id}),
        Rule("group", {"id": group.id}),
    )
    assert policies["staff"].reusable
    assert not policies["robots"].reusable
    assert policies["robots"].action is Action.SERVICE_AUTH
    assert found.organization.session_duration == timedelta(hours=12)


def test_ids_are_the_same_each_time_and_everywhere() -> None:
    first, second = records(loaded(SOUND)), records(loaded("# moved\n" + SOUND))
    assert first == second
    assert all(len(id) == 36 for id in first.policies)


def test_an_organization_is_called_as_the_team_unless_it_says_otherwise() -> None:
    assert records(loaded(SOUND)).organization.name == "Acme"
    own = SOUND.replace("session_duration: 12h", "name: Own")
    assert records(loaded(own)).organization.name == "Own"
    assert records(loaded("team: {url: 'https://a.example', name: N}")).organization.name == "N"


def test_an_object_may_bring_its_own_id() -> None:
    text = SOUND.replace("    - name: robot\n", "    - name: robot\n      id: r-1\n")
    found = records(loaded(text))
    assert list(found.service_tokens) == ["r-1"]
    assert found.service_tokens[TokenId("r-1")].name == "robot"


def test_inline_policies_of_the_same_name_are_two() -> None:
    inline = "{name: x, decision: allow, include: [{everyone: {}}]}"
    text = (
        SOUND
        + "    - {name: two, type: self_hosted, domain: b.example, "
        + f"policies: [{inline}, {inline}]}}\n"
    )
    app = next(app for app in records(loaded(text)).applications.values() if app.name == "two")
    assert len(set(app.policies)) == 2


def test_settings() -> None:
    text = """\
team: {name: Acme, url: "http://127.0.0.1:8080/"}
public_port: 8080
store: sqlite:///data/x.db
store_connections: 12
master_key_file: /keys/master
companion: {listen: "127.0.0.1:1", trusted_proxies: [10.0.0.0/8]}
extauthz: {listen: "unix:/run/a.sock", workers: 3}
health: {listen: "127.0.0.1:2"}
mail: {folder: mail, from: gate@example.com}
limits: {pins_per_hour: 100}
store_outage_grace: 5m
outbound_allow: [internal.example]
log: {format: JSON, level: debug, allow: false, bypass: true}
upstreams: [{host: "*.example.com", to: "http://127.0.0.1:9000", path: /api}]
"""
    found = loaded(text).settings
    assert found.team.url == "http://127.0.0.1:8080"
    assert (found.team.public_scheme, found.team.public_port) == ("http", 8080)
    assert found.store == "sqlite:////etc/lychgate/data/x.db"
    assert found.store_connections == 12
    assert found.master_key_file == Path("/keys/master")
    assert found.companion.trusted_proxies == ("10.0.0.0/8",)
    assert found.extauthz.endpoints == (
        "unix:/run/a.sock",
        "unix:/run/a.sock-1",
        "unix:/run/a.sock-2",
    )
    assert found.health.listen == "127.0.0.1:2"
    assert found.mail.folder == Path("/etc/lychgate/mail")
    assert found.mail.sender == "gate@example.com"
    assert found.limits.pins_per_hour == 100
    assert found.outage_grace == timedelta(minutes=5)
    assert found.outbound_allow == ("internal.example",)
    assert (found.log.format, found.log.level) == (LogFormat.JSON, LogLevel.DEBUG)
    assert (found.log.allow, found.log.bypass) == (False, True)
    assert found.upstreams == (Upstream("*.example.com", "http://127.0.0.1:9000", "/api"),)


def test_defaults_of_the_settings() -> None:
    found = loaded("team: {url: 'https://team.example.com'}").settings
    assert found.store == "sqlite:////etc/lychgate/lychgate.db"
    assert found.outage_grace == timedelta(minutes=10)
    assert found.extauthz.endpoints == ("127.0.0.1:9001",)
    assert found.team.public_port is None


def test_every_problem_is_named_at_once(write: Write) -> None:
    path = write("""\
team: {url: "http://10.0.0.1:8080"}
publc_port: 8080
resources:
  groops: []
  identity_providers:
    - name: authentik
      type: oidc
      config: {client_id: a, clinet_secret: b, auth_url: "https://a.example/o"}
  groups:
    - name: admins
      include: [{group: {id: others}}]
    - name: others
      include: [{group: {id: admins}}]
    - name: third
      include: [{emial: {email: x@y.example}}]
      extra: 1
  policies:
    - name: staff
      decision: maybe
      include: [{foo: {}}]
  applications:
    - name: whoami
      type: self_hosted
      domain: a.*b*.example
      logo_url: javascript:alert(1)
      policies:
        - stff
        - name: x
          decision: deny
          include:
            - group: {id: admin}
    - name: two
      type: self_hosted
      domain: b.example/x
    - name: three
      type: self_hosted
      domain: b.example/x/*
    - name: four
      polices: []
      type: self_hosted
      domain: b.example/x
""")
    found = problems(path)
    expected = [
        "1: url must be https",
        "2: unknown key `publc_port` (did you mean `public_port`?)",
        "4: unknown key `groops` (did you mean `groups`?)",
        "8: unknown key `clinet_secret` (did you mean `client_secret`?)",
        "8: token_url, certs_url are required fields",
        "11: group `others` contains itself",
        "13: group `admins` contains itself",
        "15: unknown selector `emial` (did you mean `email`?)",
        "16: unknown key `extra`",
        "19: unrecognized policy decision",
        "20: unknown selector `foo`",
        "24: `a.*b*.example` has two stars in one label",
        "25: logo_url must be a complete https URL",
        "27: there is no policy `stff` in this file (did you mean `staff`?)",
        "31: there is no group `admin` in this file (did you mean `admins`?)",
        "32: `b.example/x` is already taken by application `four`",
        "38: `b.example/x` is already taken by application `two`",
        "39: unknown key `polices` (did you mean `policies`?)",
    ]
    for line in expected:
        assert any(one.startswith(line) for one in found), (line, found)
    with pytest.raises(InvalidConfiguration) as caught:
        load(path, {})
    assert [str(one).removeprefix(f"{path}:") for one in caught.value.problems] == found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("domain: app.example.com\n", "domain: team.example.com\n", "host of the team domain"),
        ("[Code]", "[Cod]", "no identity provider `Cod` in this file (did you mean `Code`?)"),
        ("token_id: robot", "token_id: nobody", "no service token `nobody`"),
        ("app_uid: admin", "app_uid: nobody", "no application `nobody`"),
        ("{id: people}", "{id: peple}", "no list `peple` in this file (did you mean `people`?)"),
        ("config: {}", "config: {x: 1}", "unknown key `x`"),
        ("session_duration: 12h", "session_duration: 12", "put it in quotes"),
        ("session_duration: 12h", "auth_domain: x.example", "auth_domain must be the host"),
        ("decision: non_identity", "decision: bypass", "can only be used with non_identity"),
        ("- name: people", "- name: people\n      type: EMAIL\n    - name: people", "another list"),
        ("mail: {folder: mail}", "mail: {folder: a, smtp_url: 'smtp://h'}", "exclude each other"),
        ("mail: {folder: mail}", "mail: {smtp_url: 'http://u:hush@h'}", "must be `smtp://"),
        ("mail: {folder: mail}", "country_database: none.mmdb", "names no file"),
        ("mail: {folder: mail}", "store: mysql://u:hush@h", "must begin with `sqlite:///`"),
        ("mail: {folder: mail}", "public_scheme: http", "plain http is for loopback"),
        ("mail: {folder: mail}", "extauthz: {listen: nowhere}", "is not `HOST:PORT`"),
        ("mail: {folder: mail}", "extauthz: {listen: 'unix:x'}", "an absolute path"),
        ("mail: {folder: mail}", "store_outage_grace: 25h", "from `0s` to `24h`"),
        ("mail: {folder: mail}", "companion: {trusted_proxies: [x]}", "an address or a network"),
        ("mail: {folder: mail}", "log: {level: loud}", "level must be one of"),
        ("mail: {folder: mail}", "upstreams: [{host: a, to: b}]", "must be `http://HOST:PORT`"),
        ("name: Acme", "name: Acme\n  ulr: x", "unknown key `ulr` (did you mean `url`?)"),
        ("url: https://team.example.com", "name2: x", "url is a required field"),
        ("https://team.example.com", "https://team.example.com/x", "must be an origin"),
        ("https://team.example.com", "https://[::1", "must be a complete https URL"),
        ("https://team.example.com", "http://127.0.0.1:8080", "needs https"),
    ],
)
def test_problems(write: Write, old: str, new: str, expected: str) -> None:
    assert old in SOUND
    found = problems(write(SOUND.replace(old, new)))
    assert any(expected in line for line in found), found
    assert "hush" not in "".join(found)


def test_a_block_on_country_needs_a_country_database(write: Write, tmp_path: Path) -> None:
    rule = "        - {name: x, decision: deny, include: [{geo: {country_code: NO}}]}\n"
    path = write(SOUND + rule)
    assert problems(path) == ["49: `geo` in a block policy needs the setting country_database"]
    (tmp_path / "country.mmdb").write_bytes(b"")
    assert problems(write(SOUND + rule + "country_database: country.mmdb\n")) == []


def test_names_in_messages_instead_of_ids(write: Write) -> None:
    found = problems(write(SOUND.replace("app.example.com/admin", "app.example.com")))
    assert [line.partition(" (")[0] for line in found] == [
        "30: `app.example.com/` is already taken by application `admin`",
        "41: `app.example.com/` is already taken by application `whoami`",
    ]


PROVIDER = """\
    - name: idp
      type: oidc
      config:
        client_id: c
        client_secret: "${ENV:IDP_SECRET}"
        auth_url: https://idp.example/a
        token_url: https://idp.example/t
        certs_url: https://idp.example/c
        require_email_verified: true
"""
WITH_PROVIDER = SOUND.replace("  groups:\n", PROVIDER + "  groups:\n", 1)


def test_secrets_come_from_the_environment_and_stay_out_of_bodies() -> None:
    path = Path("/etc/lychgate/f.yaml")
    found = load_text(WITH_PROVIDER.encode(), path, {"IDP_SECRET": "hush-hush"})
    provider = next(one for one in found.resources if one.name == "idp")
    assert provider.secrets == {"client_secret": "hush-hush"}
    assert "hush-hush" not in repr(found)
    assert "client_secret" not in provider.body["config"]
    assert found.warnings == ()


def test_a_variable_that_is_not_set_is_a_warning_for_a_client_secret(write: Write) -> None:
    assert warnings(write(WITH_PROVIDER)) == [
        "16: the environment variable `IDP_SECRET` is not set"
    ]


def test_a_variable_that_is_not_set_is_a_problem_for_a_setting(write: Write) -> None:
    text = SOUND + "store: postgresql://u:${ENV:DB_PASSWORD}@db/x\n"
    assert problems(write(text)) == ["49: the environment variable `DB_PASSWORD` is not set"]
    found = load_text(text.encode(), Path("/f"), {"DB_PASSWORD": "hush"})
    assert found.settings.store == "postgresql://u:hush@db/x"
    assert "hush" not in repr(found)
    assert found.settings.outage_grace == timedelta(seconds=60)


def test_variables_elsewhere_stay_text() -> None:
    found = load_text(SOUND.replace("Acme", "${ENV:HOME}").encode(), Path("/f"), {"HOME": "x"})
    assert found.settings.name == "${ENV:HOME}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SOUND.replace(
                "- group: {id: admins}\n  applications",
                "- any_valid_service_token: {}\n  applications",
            ),
            "the Allow policy `staff` names a service token",
        ),
        (
            SOUND.replace(
                "- group: {id: admins}\n  applications",
                "- login_method: {id: Code}\n  applications",
            ),
            "the Allow policy `staff` admits anybody who has a mailbox",
        ),
        (
            WITH_PROVIDER.replace("require_email_verified: true", "require_email_verified: false"),
            "`idp` accepts unverified addresses",
        ),
        (
            WITH_PROVIDER.replace('client_secret: "${ENV:IDP_SECRET}"', "pkce_enabled: false"),
            "no client_secret",
        ),
        (
            SOUND + "      \n    - {name: n, type: self_hosted, domain: n.example}\n",
            "has no policy",
        ),
        (SOUND.replace("mail: {folder: mail}\n", ""), "cannot send codes"),
        (
            SOUND.replace(
                "- group: {id: admins}\n  applications", "- certificate: {}\n  applications"
            ),
            "has a rule on client certificates, which nobody meets at `app.example.com`",
        ),
        (
            SOUND
            + "      \n    - {name: out, type: saas, policies: [{name: p, decision: non_identity, "
            "include: [{linked_app_token: {app_uid: admin}}]}], "
            "saas_app: {auth_type: oidc, redirect_uris: ['https://out.example/cb']}}\n",
            "never counts in `out`",
        ),
        (
            SOUND.replace("  groups:", "    - {name: s, type: saml, config: {}}\n  groups:"),
            "SAML is not",
        ),
    ],
)
def test_warnings(write: Write, text: str, expected: str) -> None:
    path = write(text)
    assert problems(path) == []
    assert any(expected in line for line in warnings(path)), warnings(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(UnreadableFile, match="is a directory"):
        load(tmp_path)
    assert len(validate(tmp_path / "none.yaml").problems) == 1


@pytest.mark.parametrize(
    "text", ["", "5", "[]", "text", "resources: []", "resources: {groups: {}}"]
)
def test_files_of_another_shape(write: Write, text: str) -> None:
    assert problems(write(text))


WORDS = """team url name resources organization identity_providers groups lists policies
    applications service_tokens type config include require exclude decision email group
    id domain destinations uri overrides cors_headers oauth_configuration saas_app items
    value store mail smtp_url log upstreams host to session_duration client_secret
    precedence approval_groups"""
KEYS = st.sampled_from(re.findall(r"\w+", WORDS))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from(["oidc", "self_hosted", "onetimepin", "saas", "allow", "a.example", "24h"])
)
TREES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(KEYS, TREES, max_size=4),
    st.dictionaries(KEYS, st.lists(st.dictionaries(KEYS, TREES, max_size=6), max_size=3)),
)
def test_a07_any_content_is_answered(top: dict[str, Any], resources: dict[str, Any]) -> None:
    text = yaml.safe_dump({"resources": resources, **top}, allow_unicode=True)
    try:
        load_text(text.encode("utf-8", "replace"), Path("/f.yaml"), {})
    except InvalidConfiguration as error:
        assert error.problems
        assert all(one.where.startswith("/f.yaml:") and one.message for one in error.problems)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SOUND) - 1), st.integers(0, 40), st.text(max_size=6))
def test_a07_damaged_files_are_answered(start: int, length: int, text: str) -> None:
    damaged = SOUND[:start] + text + SOUND[start + length :]
    try:
        load_text(damaged.encode("utf-8", "replace"), Path("/f.yaml"), {})
    except InvalidConfiguration as error:
        assert all(one.where.startswith("/f.yaml:") for one in error.problems)
