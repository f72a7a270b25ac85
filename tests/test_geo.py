"""Countries from a real file, from none, and from a broken one."""

from pathlib import Path

import pytest

from lychgate.core.request import address
from lychgate.geo import Countries, InvalidCountryDatabase
from tests.support.country_file import write_country_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    networks = {"192.0.2.0/24": "PT", "2001:db8::/32": "JP", "198.51.100.7/32": "BR"}
    return write_country_file(tmp_path / "countries.mmdb", networks)


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("192.0.2.200", "PT"),
        ("198.51.100.7", "BR"),
        ("198.51.100.8", None),
        ("2001:db8::1", "JP"),
        ("::ffff:192.0.2.1", "PT"),
        ("203.0.113.1", None),
        ("fe80::1", None),
    ],
)
def test_the_country_of_an_address(file: Path, text: str, country: str | None) -> None:
    countries = Countries.open(file)
    assert countries.country(address(text)) == country
    countries.close()


def test_no_address_has_no_country(file: Path) -> None:
    assert Countries.open(file).country(None) is None


def test_without_a_file_every_country_is_unknown() -> None:
    assert Countries.open(None).country(address("192.0.2.1")) is None


def test_a_file_replaced_on_disk_breaks_nothing(file: Path) -> None:
    countries = Countries.open(file)
    file.write_bytes(b"")
    assert countries.country(address("192.0.2.1")) == "PT"


@pytest.mark.parametrize(
    "content", [b"", b"not a database", b"\0" * 4096, b"\xab\xcd\xefMaxMind.com"]
)
def test_a_broken_file_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mmdb"
    path.write_bytes(content)
    with pytest.raises(InvalidCountryDatabase, match=r"broken\.mmdb` is not a maxmind database"):
        Countries.open(path)


def test_a_cut_off_file_is_a_clear_error_or_knows_less(file: Path) -> None:
    whole = file.read_bytes()
    for length in range(0, len(whole), 97):
        file.write_bytes(whole[:length])
        with pytest.raises(InvalidCountryDatabase):
            Countries.open(file)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidCountryDatabase, match="no such file or directory"):
        Countries.open(tmp_path / "missing.mmdb")


def test_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidCountryDatabase):
        Countries.open(tmp_path)
