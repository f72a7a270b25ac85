"""From an empty folder: `init`, `validate`, `envoy-config`, `schema`, and what goes wrong there."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Lychgate

TYPO = """\
team: {name: x, url: "https://a.example"}
resourcs: {}
resources:
  applications:
    - {nam: x, type: self_hosted, domain: a.example}
"""


def test_a_new_folder_becomes_an_installation(lychgate: Lychgate, folder: Path) -> None:
    missing = lychgate("validate")
    assert (missing.status, missing.out.count("\n")) == (1, 1)
    assert "no such file" in missing.out
    assert lychgate("init").status == 0
    assert lychgate("validate").out.endswith("lychgate.yaml is valid\n")
    assert lychgate("explain", "https://app.example.com/").status == 0
    envoy = lychgate("envoy-config")
    assert envoy.status == 0
    assert yaml.safe_load(envoy.out)["static_resources"]["listeners"]
    assert [file.name for file in folder.iterdir()] == ["lychgate.yaml"], "nothing was run yet"
    assert lychgate("keys", "list").status == 0
    for name in ("lychgate.db", "lychgate.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_init_keeps_what_is_there(lychgate: Lychgate, folder: Path) -> None:
    (folder / "lychgate.yaml").write_text("mine")
    again = lychgate("init")
    assert again.status == 1
    assert again.errors == [
        "error `lychgate.yaml` is there already",
        "choose another with --config",
    ]
    assert (folder / "lychgate.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ['a "b" : {c} #', "Fox 🦊 Müller", "${HOME}", "- x", "null"])
def test_init_with_any_name(lychgate: Lychgate, folder: Path, name: str) -> None:
    assert lychgate("init", "--name", name, "--url", "https://in.example.net").status == 0
    assert yaml.safe_load((folder / "lychgate.yaml").read_text())["team"] == {
        "name": name,
        "url": "https://in.example.net",
    }
    assert lychgate("validate").status == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "http://x.example"), "https"),
        (("--url", "nonsense"), "url"),
        (("--name", "two\nlines"), "one line"),
        (("--config", "sub/lychgate.yaml"), "No such file"),
    ],
)
def test_init_writes_nothing_that_is_wrong(
    lychgate: Lychgate, folder: Path, words: tuple[str, ...], says: str
) -> None:
    said = lychgate("init", *words)
    assert said.status == 1
    assert len(said.errors) == 1 and says in said.err
    assert list(folder.iterdir()) == []


def test_every_problem_with_its_line_and_the_nearest_key(lychgate: Lychgate, folder: Path) -> None:
    (folder / "lychgate.yaml").write_text(TYPO)
    problems = [
        "error lychgate.yaml:2: unknown key `resourcs` (did you mean `resources`?)",
        "error lychgate.yaml:5: name is a required field",
        "error lychgate.yaml:5: unknown key `nam` (did you mean `name`?)",
    ]
    assert lychgate("validate").out.splitlines() == problems
    for words in (
        ("serve",),
        ("keys", "list"),
        ("envoy-config",),
        ("explain", "https://a.example"),
        ("explain", "--requests", "nowhere.jsonl"),
        ("sessions", "list"),
        ("idp", "test", "x"),
    ):
        said = lychgate(*words)
        assert (said.status, said.errors) == (1, problems), words
    assert [file.name for file in folder.iterdir()] == ["lychgate.yaml"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"a: [1,", b"- list", b"team: !!python/object:x {}", b"\x00"],
)
def test_a_file_of_rubbish_is_a_line(lychgate: Lychgate, folder: Path, content: bytes) -> None:
    (folder / "lychgate.yaml").write_bytes(content)
    said = lychgate("validate")
    assert said.status == 1
    assert said.out.startswith("error lychgate.yaml:") and said.out.count("\n") == 1
    served = lychgate("serve")
    assert (served.status, len(served.errors)) == (1, 1)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("store: sqlite:////nonexistent/folder/x.db", "cannot be opened"),
        ("store: mysql://x", "store must begin with"),
        ("store: postgresql://user:hunter2@127.0.0.1:1/x", "the database failed"),
        ("store: sqlite:///rubbish.db", "not a database"),
        ("master_key_file: rubbish.db", "does not hold a key"),
    ],
)
def test_a_store_that_cannot_be_opened_is_a_line(
    lychgate: Lychgate, folder: Path, setting: str, says: str
) -> None:
    lychgate("init")
    (folder / "rubbish.db").write_text("rubbish" * 100)
    (folder / "rubbish.db").chmod(0o600)
    with (folder / "lychgate.yaml").open("a") as file:
        file.write(setting + "\n")
    for words in (("keys", "list"), ("serve",), ("users", "list")):
        said = lychgate(*words)
        assert said.status == 1, words
        assert any(line.startswith("error ") and says in line for line in said.errors), said.err
        assert "hunter2" not in said.err


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("bogus",), 2, "No such command"),
        (("validate", "--bogus"), 2, "No such option"),
        (("validate", "more"), 2, "unexpected extra argument"),
        (("demo", "--port", "0"), 2, "--port"),
        (("demo", "--proxy", "nginx"), 2, "--proxy"),
        (("envoy-config", "--bogus"), 2, "unrecognized arguments"),
        (("envoy-config", "--config"), 2, "expected one argument"),
        (("envoy-config", "--trusted-hops", "x"), 2, "invalid int"),
        (("envoy-config", "--trusted-hops", "-1"), 1, "error --trusted-hops"),
        (("envoy-config", "--certificate", "x"), 1, "error --certificate and --key"),
        (("envoy-config", "--listen", "nonsense"), 1, "error `nonsense`"),
        (("envoy-config", "--listen", "127.0.0.1:99999"), 1, "error `127.0.0.1:99999`"),
        (("envoy-config", "--admin", "x"), 1, "error `x`"),
        (("envoy-config", "--config", "none.yaml"), 1, "error cannot read `none.yaml`"),
        (("idp", "test"), 2, "Missing argument"),
        (("idp", "test", "Nobody"), 1, "error there is no identity provider `Nobody`"),
        (("sessions", "revoke"), 1, "error say what to revoke"),
        (("sessions", "revoke", "--user", "a@b.example", "--app", "x"), 1, "error say what"),
        (("sessions", "revoke", "--session", "x"), 1, "error there is no login `x`"),
        (("sessions", "revoke", "--user", "a@b.example"), 1, "error there is no such person"),
        (("sessions", "revoke", "--app", "x"), 1, "error there is no application `x`"),
        (("sessions", "list", "--email", "nobody"), 1, "error this is not an email address"),
        (("users", "remove", "nobody"), 1, "error this is not an email address"),
        (("users", "remove", "a@b.example"), 1, "error nobody with the address"),
        (("keys", "rotate", "--config", "/"), 1, "error cannot read `/`: is a directory"),
    ],
)
def test_bad_words_are_one_clear_answer(
    lychgate: Lychgate, words: tuple[str, ...], status: int, says: str
) -> None:
    lychgate("init")
    said = lychgate(*words)
    assert said.status == status, said.err
    assert says in said.err
    assert said.out == "" or words[0] == "keys"


def test_help_and_version_and_schema(lychgate: Lychgate) -> None:
    assert lychgate("--version").out.startswith("lychgate ")
    assert "Commands" in lychgate("--help").out
    for words in (("keys",), ("sessions",), ("users",), ("idp",), ("envoy-config",), ("serve",)):
        assert lychgate(*words, "--help").status == 0
    assert json.loads(lychgate("schema").out)["properties"]["team"]
