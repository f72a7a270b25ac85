"""Which pattern covers which host and path, row by row."""

import time

import pytest

from lychgate.core.patterns import HostPattern, PathPattern, glob, intersects, spelled


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("example.com", "example.com", True),
        ("example.com", "www.example.com", False),
        ("*.example.com", "www.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "foo.bar.example.com", False),
        ("*.example.com", "xexample.com", False),
        ("*.example.com", ".example.com", False),
        ("*.test.example.com", "a.test.example.com", True),
        ("*.test.example.com", "test.example.com", False),
        ("*.test.example.com", "example.com", False),
        ("*test.example.com", "test.example.com", True),
        ("*test.example.com", "alphatest.example.com", True),
        ("*test.example.com", "beta.test.example.com", False),
        ("dev-*.example.com", "dev-1.example.com", True),
        ("dev-*.example.com", "dev-.example.com", True),
        ("a.*.example.com", "a.b.example.com", True),
        ("a.*.example.com", "a.b.c.example.com", False),
        ("*.*.example.com", "a.b.example.com", True),
        ("*.*.example.com", "b.example.com", False),
    ],
)
def test_hosts_are_covered_label_by_label(pattern: str, host: str, covered: bool) -> None:
    assert HostPattern(pattern).covers(host) is covered


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("", "/", True),
        ("/", "/anything/at/all", True),
        ("/*", "/", True),
        ("/*", "/anything", True),
        ("/alpha", "/alpha", True),
        ("/alpha", "/alpha/", True),
        ("/alpha", "/alpha/one", True),
        ("/alpha", "/alphabet", False),
        ("/alpha", "/", False),
        ("/alpha", "/ALPHA", False),
        ("/alpha/", "/alpha", True),
        ("/alpha/*", "/alpha/one", True),
        ("/alpha/*", "/alpha/one/two", True),
        ("/alpha/*", "/alpha/", True),
        ("/alpha/*", "/alpha", False),
        ("/alpha/*", "/", False),
        ("/foo*/bar", "/foo/bar", True),
        ("/foo*/bar", "/food/bar", True),
        ("/foo*/bar", "/food/stuff/bar", True),
        ("/foo*/bar", "/food/stuff/bar/below", True),
        ("/foo*/bar", "/food/stuff/barn", False),
        ("/foo*/bar", "/foo", False),
        ("/eng", "/england", False),
        ("/eng*", "/england", True),
        ("/eng*", "/eng", True),
        ("/*/edit", "/page/edit", True),
        ("/*/edit", "/edit", False),
        ("/a*b*c", "/axbxc", True),
        ("/a*b*c", "/axcxb", False),
        ("/a*a", "/a", False),
        ("/%61dmin", "/admin", True),
        ("/caf%c3%a9", "/caf%C3%A9", True),
    ],
)
def test_paths_are_covered_on_segment_boundaries(pattern: str, path: str, covered: bool) -> None:
    assert PathPattern.of(path=pattern).covers(path) is covered


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("/x", "/x", True),
        ("/x", "/x/", False),
        ("/x*", "/x/y", True),
        ("*", "", True),
        ("*.css", "/a/b.css", True),
        ("/a*z", "/b/z", False),
        ("/a*m*z", "/a/z", False),
    ],
)
def test_a_star_stands_for_anything(pattern: str, text: str, matches: bool) -> None:
    assert glob(pattern, text) is matches


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("/alpha/beta", "/alpha"),
        ("/alpha/*", "/alpha"),
        ("/alpha/beta", "/alpha/*"),
        ("/alpha", "/"),
        ("/alpha/b*", "/alpha/*"),
        ("/ab/*c", "/*/abc"),
        ("/longer*", "/short"),
    ],
)
def test_of_two_paths_one_is_more_specific(more: str, less: str) -> None:
    first, second = PathPattern.of(more), PathPattern.of(less)
    assert first.rank < second.rank
    assert not second.rank < first.rank


def test_the_longer_literal_host_is_more_specific() -> None:
    assert HostPattern("*.test.example.com").rank < HostPattern("*.example.com").rank
    assert HostPattern("*test.example.com").rank < HostPattern("*.example.com").rank


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("/", "/"),
        ("/alpha", "/alpha"),
        ("/alpha/*", "/alpha/"),
        ("/foo*/bar", "/"),
        ("/a/b*/c", "/a/"),
    ],
)
def test_the_path_of_a_cookie_is_the_literal_prefix(pattern: str, prefix: str) -> None:
    assert PathPattern.of(pattern).literal_prefix == prefix


@pytest.mark.parametrize(
    ("host", "suffix"),
    [
        ("*.example.com", "example.com"),
        ("*test.example.com", "example.com"),
        ("a.*.example.com", "example.com"),
        ("*", ""),
        ("a.*", ""),
    ],
)
def test_the_suffix_of_a_star_host(host: str, suffix: str) -> None:
    assert HostPattern(host).suffix == suffix
    assert not HostPattern(host).literal


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("abc", "abc", True),
        ("abc", "abd", False),
        ("a*", "*b", True),
        ("a*c", "ab*", True),
        ("a*", "b*", False),
        ("*", "", True),
        ("", "", True),
        ("a", "", False),
        ("", "a", False),
        ("", "*", True),
        ("a*b", "a*c", False),
        ("*a*", "b", False),
        ("*a*", "bab", True),
    ],
)
def test_two_patterns_meet_when_some_text_fits_both(one: str, other: str, meet: bool) -> None:
    assert intersects(one, other) is meet
    assert intersects(other, one) is meet


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("/a", "/a/b", True),
        ("/a", "/b", False),
        ("/a*", "/ab/c", True),
        ("/*/x", "/a/y", True),
        ("/*x", "/a*y", True),
        ("/aa*", "/bb*", False),
        ("/*/x", "/a/x", True),
        ("/a*", "/b", False),
    ],
)
def test_two_paths_overlap(one: str, other: str, meet: bool) -> None:
    first, second = PathPattern.of(one), PathPattern.of(other)
    assert first.overlaps(second) is meet
    assert second.overlaps(first) is meet


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("*.example.com", "a*.example.com", True),
        ("a*.example.com", "b*.example.com", False),
        ("*.example.com", "*.a.example.com", False),
    ],
)
def test_two_hosts_overlap(one: str, other: str, meet: bool) -> None:
    assert HostPattern(one).overlaps(HostPattern(other)) is meet


def test_a_pattern_no_path_can_have_keeps_its_spelling() -> None:
    assert spelled("/a b") == "/a b"


def test_A07_hostile_patterns_are_matched_in_linear_time() -> None:
    started = time.perf_counter()
    assert not glob("/" + "a*" * 50 + "b", "/" + "a" * 100_000)
    assert not intersects("*a" * 300, "*b" * 300)
    assert time.perf_counter() - started < 1
