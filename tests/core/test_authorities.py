"""Whose client certificates count: chains, times, purposes and revocation lists."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from lychgate.core.certificates import RECHECK, compile_authorities, judge, read_certificate
from lychgate.core.model import CertificateId, ClientAuthority
from lychgate.core.request import ClientCertificate
from lychgate.errors import Problem
from tests.support.authorities import NOW, YEAR, Issued, authority, issue, revocations

HOST = "app.example.com"
ROOT = authority()
OTHER = authority()  # of the same name, with another key
DAY = timedelta(days=1)


def tied(pem: str, crl: str = "") -> ClientAuthority:
    return ClientAuthority(CertificateId("c1"), "test", pem, (HOST,), crl)


def problems(pem: str, crl: str = "") -> list[str]:
    found: list[Problem] = []
    compile_authorities([tied(pem, crl)], found)
    return [f"{one.where}: {one.message}" for one in found]


def presented(one: Issued) -> ClientCertificate:
    read = read_certificate(one.pem)
    assert read is not None
    return read


def valid(leaf: Issued, *chain: Issued, crl: str = "", now: datetime = NOW) -> bool:
    found: list[Problem] = []
    pem = "".join(one.pem for one in chain or (ROOT,))
    hosts = compile_authorities([tied(pem, crl)], found)
    assert not found, found
    return judge(presented(leaf), hosts[HOST], now).valid


def usage(*purposes: x509.ObjectIdentifier) -> Sequence[tuple[x509.ExtensionType, bool]]:
    return [(x509.ExtendedKeyUsage(purposes), False)]


def test_a_certificate_of_the_authority_is_valid() -> None:
    assert valid(issue("svc", ROOT))
    assert valid(issue("svc", ROOT, extensions=usage(ExtendedKeyUsageOID.CLIENT_AUTH)))
    key = rsa.generate_private_key(65537, 2048)
    assert valid(issue("svc", issue("ca", ca=True, key=key)), issue("ca", ca=True, key=key))


@pytest.mark.parametrize(
    "leaf",
    [
        pytest.param(issue("svc"), id="signed by itself"),
        pytest.param(issue("svc", OTHER), id="another key under the same name"),
        pytest.param(issue("svc", ROOT, end=NOW - DAY), id="over"),
        pytest.param(issue("svc", ROOT, start=NOW + DAY), id="not yet"),
        pytest.param(issue("svc", issue("mid", ROOT)), id="issued by a client"),
        pytest.param(issue("svc", authority("mid", ROOT)), id="an intermediate nobody gave us"),
        pytest.param(
            issue("svc", ROOT, extensions=usage(ExtendedKeyUsageOID.SERVER_AUTH)),
            id="for servers",
        ),
        pytest.param(
            issue(
                "svc",
                ROOT,
                extensions=[
                    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True)
                ],
            ),
            id="something critical nobody knows",
        ),
        pytest.param(
            issue("svc", ROOT, key=rsa.generate_private_key(65537, 1024)), id="a weak key"
        ),
    ],
)
def test_h07_what_nobody_stands_behind_is_not_valid(leaf: Issued) -> None:
    assert not valid(leaf)


def test_intermediates_come_from_the_administrator() -> None:
    middle = authority("mid", ROOT)
    assert valid(issue("svc", middle), ROOT, middle)
    assert valid(issue("svc", middle), middle)  # the intermediate alone is trusted
    assert not valid(issue("svc", ROOT), middle)


def test_what_an_authority_may_issue_is_respected() -> None:
    short = issue("short", ca=True, path_length=0)
    middle = authority("mid", short)
    assert valid(issue("svc", short), short, middle)
    assert not valid(issue("svc", middle), short, middle)
    wrong = x509.NameConstraints([x509.DNSName("a.example")], None)
    bound = issue("bound", ca=True, extensions=[(wrong, True)])
    name = x509.SubjectAlternativeName([x509.DNSName("b.example")])
    assert not valid(issue("svc", bound, extensions=[(name, False)]), bound)
    no = False
    mute = x509.KeyUsage(True, no, no, no, no, no, no, no, no)
    silent = issue("silent", ca=True, extensions=[(mute, True)])
    assert not valid(issue("svc", silent), silent)


def test_an_authority_that_ended_vouches_for_nobody() -> None:
    old = issue("old", ca=True, end=NOW + DAY)
    assert valid(issue("svc", old), old)
    assert not valid(issue("svc", old), old, now=NOW + 2 * DAY)


def test_several_authorities_of_a_host_all_count() -> None:
    found: list[Problem] = []
    hosts = compile_authorities([tied(OTHER.pem), tied(ROOT.pem)], found)
    assert judge(presented(issue("svc", ROOT)), hosts[HOST], NOW).valid
    assert judge(presented(issue("svc", OTHER)), hosts[HOST], NOW).valid
    assert not judge(presented(issue("svc", ROOT)), hosts.get("other.example", ()), NOW).valid


def test_a_revoked_certificate_is_not_valid() -> None:
    good, bad = issue("svc", ROOT), issue("svc", ROOT)
    crl = revocations(ROOT, bad)
    assert valid(good, crl=crl)
    assert not valid(bad, crl=crl)
    assert not valid(bad, crl=revocations(ROOT) + crl)


@pytest.mark.parametrize(
    "crl",
    [
        pytest.param(revocations(ROOT, end=NOW), id="over"),
        pytest.param(revocations(ROOT, start=NOW + DAY / 2), id="not yet"),
    ],
)
def test_a_list_that_is_not_in_force_fails_closed(crl: str) -> None:
    assert not valid(issue("svc", ROOT), crl=crl)


def test_every_authority_of_the_chain_needs_a_list_once_there_is_one() -> None:
    middle = authority("mid", ROOT)
    leaf = issue("svc", middle)
    of_root, of_middle = revocations(ROOT), revocations(middle)
    assert valid(leaf, ROOT, middle, crl=of_root + of_middle)
    assert not valid(leaf, ROOT, middle, crl=of_root)
    assert not valid(leaf, ROOT, middle, crl=of_middle)
    assert not valid(leaf, ROOT, middle, crl=revocations(ROOT, middle) + of_middle)


def test_a_judgement_holds_no_longer_than_what_it_rests_on() -> None:
    soon = NOW + RECHECK / 2

    def until(leaf: Issued, crl: str = "") -> datetime:
        found: list[Problem] = []
        authorities = compile_authorities([tied(ROOT.pem, crl)], found)[HOST]
        return judge(presented(leaf), authorities, NOW).until

    assert until(issue("svc", ROOT)) == NOW + RECHECK
    assert until(issue("svc", ROOT, end=soon)) == soon
    assert until(issue("svc", ROOT), revocations(ROOT, end=soon)) == soon
    assert until(issue("svc", OTHER)) == NOW + RECHECK


def test_renewal_is_due_with_the_first_certificate_or_list_that_ends() -> None:
    def due(pem: str, crl: str = "") -> datetime:
        return compile_authorities([tied(pem, crl)], [])[HOST][0].renew_by

    first = issue("ca", ROOT, ca=True, end=NOW + 20 * DAY)
    assert due(ROOT.pem + first.pem) == NOW + 20 * DAY
    assert due(ROOT.pem + first.pem, revocations(ROOT, end=NOW + DAY)) == NOW + DAY


DELTA = [(x509.DeltaCRLIndicator(1), True)]


@pytest.mark.parametrize(
    ("pem", "crl", "said"),
    [
        ("", "", "certificate: it holds no certificate"),
        ("x\n", "", "certificate: it holds no certificate"),
        (ROOT.pem[:200], "", "certificate: it holds no certificate"),
        (ROOT.pem.replace("M", "!"), "", "certificate: it holds no certificate"),
        (ROOT.pem + ROOT.key_pem, "", "certificate: it holds a private key"),
        (issue("svc", ROOT).pem, "", "certificate: `CN=svc` is not a certificate authority"),
        (
            issue("weak", ca=True, key=rsa.generate_private_key(65537, 1024)).pem,
            "",
            "certificate: the key of `CN=weak`",
        ),
        (ROOT.pem * 101, "", "certificate: it holds more than 100"),
        (ROOT.pem, "x", "crl: it holds no revocation list"),
        (ROOT.pem, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "crl: it holds a"),
        (ROOT.pem, revocations(OTHER), "crl: it holds a revocation list that none"),
        (ROOT.pem, revocations(ROOT, extensions=DELTA), "crl: it holds a partial"),
    ],
)
def test_what_nobody_could_judge_by_is_refused(pem: str, crl: str, said: str) -> None:
    (found,) = problems(pem, crl)
    assert found.startswith(f"certificates/c1/{said}")


def test_the_years_of_an_authority_do_not_matter_at_save() -> None:
    assert problems(issue("old", ca=True, start=NOW - 2 * YEAR, end=NOW - YEAR).pem) == []
