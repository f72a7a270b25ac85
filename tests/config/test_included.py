"""Certificates that the file names instead of holding."""

from pathlib import Path

import pytest

from lychgate.config import load, records, validate
from lychgate.config.loading import Loaded
from lychgate.config.watch import Watch
from lychgate.errors import InvalidConfiguration
from tests.support.authorities import authority, revocations

HEAD = 'team: {url: "https://team.example.net"}\nresources:\n  certificates:\n    - name: ca\n'
HOSTS = "      associated_hostnames: [App.Example.com]\n"
CA = authority("ca")


def write(folder: Path, lines: str) -> Path:
    file = folder / "lychgate.yaml"
    file.write_text(HEAD + "".join(f"      {line}\n" for line in lines.splitlines()) + HOSTS)
    return file


def test_named_files_are_read_from_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CA.pem)
    (tmp_path / "crl.pem").write_text(revocations(CA))
    file = write(tmp_path, "certificate_file: ca.pem\ncrl_file: crl.pem")
    loaded = load(file, {})
    (found,) = records(loaded).certificates.values()
    assert (found.pem, found.hostnames) == (CA.pem, ("app.example.com",))
    assert found.crl == (tmp_path / "crl.pem").read_text()
    assert loaded.included == (tmp_path / "ca.pem", tmp_path / "crl.pem")


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ("certificate_file: nothing.pem", 5, "cannot read `nothing.pem`: no such file"),
        ("certificate_file: 7", 5, "certificate_file must be a path"),
        ("certificate_file: ca.pem\ncertificate: x", 5, "certificate_file must be a path"),
        ("certificate_file: key.pem", 4, "must not hold a private key"),
        ("certificate_file: odd.pem", 5, "cannot read `odd.pem`: it is not a small text file"),
        ("certificate_file: .", 5, "cannot read `.`: is a directory"),
        ("certificate: rubbish", 5, "it holds no certificate in PEM form"),
        ("certificate_file: ca.pem\ncrl: rubbish", 6, "it holds no revocation list"),
        ("crl_file: ca.pem", 4, "certificate"),
        ("certificate_file: ca.pem\nassociated: [x]", 6, "unknown key `associated`"),
    ],
)
def test_what_is_wrong_has_a_line_and_no_content(
    tmp_path: Path, lines: str, line: int, said: str
) -> None:
    (tmp_path / "ca.pem").write_text(CA.pem)
    (tmp_path / "key.pem").write_text(CA.pem + CA.key_pem)
    (tmp_path / "odd.pem").write_bytes(b"\xff" * 100)
    problems = validate(write(tmp_path, lines), {}).problems
    texts = [f"{one.where.rpartition(':')[2]}: {one.message}" for one in problems]
    assert any(text.startswith(f"{line}:") and said in text for text in texts), texts
    assert not any("-----" in text or CA.key_pem[60:90] in text for text in texts)


def test_a_host_is_a_host(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CA.pem)
    file = write(tmp_path, "certificate_file: ca.pem")
    for odd in ("*.example.com", "a b", "https://a.example", "a.example:443", "a.example/x", ""):
        file.write_text(file.read_text().replace("App.Example.com", f"'{odd}'"))
        assert validate(file, {}).problems, odd
        write(tmp_path, "certificate_file: ca.pem")


def test_a_change_of_a_named_file_comes_into_force(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text(CA.pem)
    applied: list[Loaded] = []
    watch = Watch(load(write(tmp_path, "certificate_file: ca.pem"), {}), applied.append, {})
    assert not watch.look()
    other = authority("other")
    pem.write_text(other.pem)
    assert watch.look()
    (found,) = records(applied[-1]).certificates.values()
    assert found.pem == other.pem
    pem.write_text("broken")
    assert not watch.look() and len(applied) == 1
    with pytest.raises(InvalidConfiguration):
        load(tmp_path / "lychgate.yaml", {})
    pem.write_text(CA.pem)
    assert watch.look()
