"""Every row of the catalogue has tests or a feature it waits for, and the page names real ones."""

import re

import pytest

from tests.security.page import OVER_HTTP, PAGE, trials_by_row
from tests.security.rows import AREAS, ROWS, WAITS

TESTS = trials_by_row()
_ROW = re.compile(r"^\| ([A-Z][0-9]{2}) \| [^|]+ \| ([^|]*) \|", re.MULTILINE)
_NAMED = re.compile(r"`(tests/[^`]+::[^`]+)`")


def test_the_catalogue_has_all_its_rows() -> None:
    areas = {"F": 13, "P": 18, "H": 9, "C": 10, "J": 13, "L": 16, "O": 24, "S": 8, "R": 4}
    areas |= {"W": 6, "A": 8, "D": 8, "X": 8}
    assert list(areas) == list(AREAS)
    assert list(ROWS) == [f"{a}{n:02}" for a, count in areas.items() for n in range(1, count + 1)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_tried_or_waits_for_its_feature(row: str) -> None:
    assert TESTS.get(row) or WAITS.get(row)


@pytest.mark.parametrize("area", ["F", "P", "H", "C", "J"])
def test_rows_about_requests_are_tried_through_both_proxies(area: str) -> None:
    # The login pages alone decide C10; F04 and F13 speak of the decision server's port.
    alone = {"C10", "F04", "F13"}
    for row in set(ROWS) - alone:
        if row.startswith(area):
            through = frozenset[str]().union(*(test.through for test in TESTS[row]))
            assert through >= {"Envoy", "mitmproxy"}, row


@pytest.mark.parametrize("area", ["F", "P", "H", "C"])
def test_rows_about_requests_are_tried_through_the_proxies_that_ask_over_http(area: str) -> None:
    # F04 speaks of replies, tried without a proxy; C06 and C10 of the login pages.
    alone = {"F04", "C06", "C10"}
    for row in set(ROWS) - alone:
        if row.startswith(area):
            through = frozenset[str]().union(*(test.through for test in TESTS[row]))
            assert through >= set(OVER_HTTP.values()), row


def test_the_page_has_every_row_and_names_tests_that_exist() -> None:
    rows = dict(_ROW.findall(PAGE.read_text(encoding="utf-8")))
    assert set(rows) == set(ROWS)
    for row, cell in rows.items():
        named, known = set(_NAMED.findall(cell)), {test.id for test in TESTS.get(row, [])}
        assert named <= known, (row, named - known)
        assert named or (not known and WAITS.get(row)), f"run `make docs`: {row}"
