"""A05 and what belongs to it: nothing that is written down holds a secret.

The whole run of the catalogue is scanned when it ends; here everything that creates a secret runs
once, and the scan is shown to find one.
"""

import json
import re
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from lychgate.cli.app import app
from tests.support.both import Both
from tests.support.browsing import Visitor
from tests.support.catalogue import FRONTS, ST1_ID, ST1_SECRET, TEAM, Catalogue, wait_for


def command(catalogue: Catalogue, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--config", str(catalogue.file)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("front", FRONTS)
def test_A05_a_login_leaves_no_secret(catalogue: Catalogue, front: str) -> None:
    email = f"a05.{front}@staff.example"
    person = Visitor(catalogue, catalogue.fronts[front])
    page = person.ask_for_code("https://a.example/?secret=in-the-query", email)
    page = person.submit(page, {"code": "000000"})
    code = catalogue.code(email)
    person.submit(page, {"code": code})
    person.open("https://b.example/")
    person.open(f"https://{TEAM}/cdn-cgi/access/get-identity")
    person.open("https://a.example/cdn-cgi/access/logout")
    written = catalogue.output() + catalogue.kept()
    assert email in written  # what happened is written down ...
    assert catalogue.secrets_in(written) == []  # ... and no secret
    assert "in-the-query" not in written
    assert len(person.catalogue._handed_out) > 5


def test_A05_service_tokens_are_shown_once(catalogue: Catalogue, both: Both) -> None:
    issued = json.loads(command(catalogue, "service-token", "create", "a05", "--json"))
    rotated = json.loads(command(catalogue, "service-token", "rotate", "a05", "--json"))
    for one in (issued, rotated):
        secret = one["client_secret"]
        catalogue.hand_out(secret, secret[6:], sha256(secret.encode()).hexdigest())
        pair = (("Cf-Access-Client-Id", one["client_id"]), ("Cf-Access-Client-Secret", secret))
        both.ask("/", "b.example", pair)
        single = json.dumps({name.lower(): value for name, value in pair})
        both.ask("/", "single.example", (("Authorization", single),))
    both.ask("/", "b.example", (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", "x")))
    wait_for(lambda: "wrong secret" in catalogue.kept())
    shown = command(catalogue, "service-token", "list", "--json")
    shown += command(catalogue, "logs", "--json", "--limit", "5000")
    command(catalogue, "service-token", "revoke", "a05")
    shown += catalogue.kept() + catalogue.output()
    assert issued["client_id"] in shown
    assert catalogue.secrets_in(shown) == []


def test_the_scan_finds_what_it_looks_for(catalogue: Catalogue) -> None:
    token = catalogue.token("scan@staff.example", "ROOT")
    catalogue.hand_out("a-cookie-of-somebody-or-other")
    samples = {
        "a token": [token],
        "a service token's secret": [ST1_SECRET],
        "a cookie, link or secret": ["a-cookie-of-somebody-or-other"],
        "a code": re.findall(r"\b[0-9]{6}\b", "".join(catalogue.mails("")))[:1],
        **catalogue.own_secrets(),
    }
    for kind, values in samples.items():
        for value in values:
            assert kind in catalogue.secrets_in(f"before {value} after"), kind
    assert catalogue.secrets_in("nothing of the kind") == []
