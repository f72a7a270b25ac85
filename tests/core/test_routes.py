"""Which application owns a request; every tie-break is tried in both orders."""

import pytest

from lychgate.core.model import AppId, Application, Destination
from lychgate.core.routes import Routes
from lychgate.core.snapshot import Snapshot
from lychgate.errors import InvalidConfiguration
from tests.support.builders import a_snapshot, an_app


def owner(snapshot: Snapshot, host: str, path: str) -> str | None:
    route = snapshot.route(host, path)
    return None if route is None else route.app.app.id


@pytest.mark.parametrize(
    ("winner", "loser", "host", "path"),
    [
        pytest.param("a.example", "*.example", "a.example", "/", id="literal host before star"),
        pytest.param(
            "*.b.example", "*.*.example", "a.b.example", "/", id="longer literal host first"
        ),
        pytest.param("*b.example", "*.example", "ab.example", "/", id="more of the label first"),
        pytest.param("a.example/x", "a.example", "a.example", "/x/y", id="longer path first"),
        pytest.param("a.example/x/y", "a.example/x", "a.example", "/x/y/z", id="deeper path"),
        pytest.param("a.example/x/*", "a.example/x", "a.example", "/x/y", id="star below"),
        pytest.param(
            "a.example/ab/*c", "a.example/*/abc", "a.example", "/ab/abc", id="literal segment first"
        ),
        pytest.param(
            "a.example", "*.example/deep/path", "a.example", "/deep/path", id="host before path"
        ),
    ],
)
def test_the_more_specific_pattern_wins(winner: str, loser: str, host: str, path: str) -> None:
    one, two = an_app("winner", winner), an_app("loser", loser)
    assert owner(a_snapshot(one, two), host, path) == "winner"
    assert owner(a_snapshot(two, one), host, path) == "winner"


def test_x_itself_belongs_to_x_and_not_to_x_star() -> None:
    snapshot = a_snapshot(an_app("below", "a.example/x/*"), an_app("at", "a.example/x"))
    assert owner(snapshot, "a.example", "/x") == "at"
    assert owner(snapshot, "a.example", "/x/") == "below"
    assert owner(snapshot, "a.example", "/x/y") == "below"


def test_a_star_host_owns_what_the_literal_one_does_not_cover() -> None:
    snapshot = a_snapshot(an_app("literal", "a.example/x"), an_app("star", "*.example"))
    assert owner(snapshot, "a.example", "/x") == "literal"
    assert owner(snapshot, "a.example", "/y") == "star"


@pytest.mark.parametrize("host", ["x.y.w.example", "w.example", "xw.example"])
def test_P15_a_star_is_exactly_one_label(host: str) -> None:
    assert owner(a_snapshot(an_app("star", "*.w.example")), host, "/") is None


def test_a_host_that_is_only_a_star_has_one_label() -> None:
    snapshot = a_snapshot(an_app("star", "*"))
    assert owner(snapshot, "localhost", "/") == "star"
    assert owner(snapshot, "a.example", "/") is None


def test_one_application_has_many_destinations() -> None:
    snapshot = a_snapshot(an_app("app", "a.example", "b.example/x", "*.c.example"))
    assert owner(snapshot, "a.example", "/") == "app"
    assert owner(snapshot, "b.example", "/x") == "app"
    assert owner(snapshot, "b.example", "/") is None
    assert owner(snapshot, "z.c.example", "/") == "app"


def test_hosts_of_patterns_are_lower_case() -> None:
    assert owner(a_snapshot(an_app("app", "A.Example")), "a.example", "/") == "app"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a.example", "a.example/*"),
        ("a.example/x", "a.example/x/"),
        ("a.example/x", "a.example/%78"),
        ("*.example/x", "*.example/x"),
        ("a.example/a*c", "a.example/ab*"),
        ("a*.example", "*a.example"),
    ],
)
def test_two_applications_cannot_own_the_same(one: str, two: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        a_snapshot(an_app("one", one), an_app("two", two))
    assert "already taken" in caught.value.problems[0].message
    assert {problem.where for problem in caught.value.problems} == {
        "applications/one/destinations",
        "applications/two/destinations",
    }


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a.example/aa*", "a.example/bb*"),
        ("a*.example", "b*.example"),
        ("*.a.example", "*.b.example"),
        ("a.example/ab", "a.example/cd"),
    ],
)
def test_equally_long_patterns_that_never_meet_are_fine(one: str, two: str) -> None:
    a_snapshot(an_app("one", one), an_app("two", two))


def test_an_application_may_repeat_itself() -> None:
    a_snapshot(an_app("one", "a.example", "a.example/*"))


def test_public_patterns_are_whole_paths_with_stars() -> None:
    destination = Destination("a.example", "/", ("/health", "/static/*", "/caf%c3%a9"))
    route = a_snapshot(an_app("app", destination)).route("a.example", "/")
    assert route is not None
    opened = route.entry.open_without_login
    assert opened("/health") and opened("/static/x/y") and opened("/caf%C3%A9")
    assert not opened("/health/x") and not opened("/static") and not opened("/")


@pytest.mark.parametrize(
    ("host", "known"), [("a.example", True), ("x.s.example", True), ("b.example", False)]
)
def test_a_host_is_known_by_any_destination_on_it(host: str, known: bool) -> None:
    routes = a_snapshot(an_app("one", "a.example/x", "*.s.example/y")).routes
    assert routes.knows_host(host) is known
    assert bool(routes.on_host(host)) is known


def test_entries_go_with_their_application() -> None:
    one, two = an_app("one", "a.example/x"), an_app("two", "a.example/y", "*.s.example")
    routes = Routes().replaced((), (one, two))
    assert routes.find("a.example", "/x") is not None
    left = routes.replaced((two,), ())
    assert left.find("a.example", "/y") is None
    assert left.find("q.s.example", "/") is None
    assert left.find("a.example", "/x") is not None
    assert left.replaced((one,), ()) == Routes()
    assert left.replaced((an_app("never", "z.example"),), ()) == left


def test_many_applications_on_one_host_are_compared_in_little_time() -> None:
    apps: list[Application] = [an_app(f"a{n:04}", f"a.example/p{n:04}") for n in range(2000)]
    snapshot = a_snapshot(*apps)
    assert owner(snapshot, "a.example", "/p1999/x") == AppId("a1999")
