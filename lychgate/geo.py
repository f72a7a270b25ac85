"""Which country an address is in, from a MaxMind-format file; unknown without one."""

import re
from pathlib import Path

import maxminddb

from lychgate.core.request import Address
from lychgate.errors import LychgateError

_COUNTRY = re.compile(r"[A-Z]{2}")


class InvalidCountryDatabase(LychgateError):
    """The configured country file cannot be used."""

    code = "invalid_country_database"


class Countries:
    """Looks countries up in one file, or in none; safe to share between threads."""

    def __init__(self, reader: maxminddb.Reader | None) -> None:
        self._reader = reader

    @classmethod
    def open(cls, path: Path | None) -> "Countries":
        """Read the file into memory, so that one replaced on disk cannot break a look-up."""
        if path is None:
            return cls(None)
        hint = "give a country database in MaxMind format, or leave `country_database` out"
        try:
            reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
            reader.get("192.0.2.1")
        except OSError as error:
            reason = error.strerror or "it cannot be opened"
            message = f"country database `{path}` cannot be read: {reason.lower()}"
            raise InvalidCountryDatabase(message, hint) from error
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            message = f"country database `{path}` is not a maxmind database"
            raise InvalidCountryDatabase(message, hint) from error
        return cls(reader)

    def country(self, address: Address | None) -> str | None:
        """The two-letter code of an address's country; None: not known."""
        if self._reader is None or address is None:
            return None
        try:
            record = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        return _code(record, "country") or _code(record, "registered_country")

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()


def _code(record: object, member: str) -> str | None:
    place = record.get(member) if isinstance(record, dict) else None
    # Some files hold the code itself where MaxMind's own hold an object.
    code = place.get("iso_code") if isinstance(place, dict) else place
    return code if isinstance(code, str) and _COUNTRY.fullmatch(code) else None
