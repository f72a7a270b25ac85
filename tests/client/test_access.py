"""What a command line believes of a server, what it keeps, and when it asks again."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from lychgate.client.access import Access
from lychgate.client.errors import (
    BadUrl,
    ClientError,
    LoginRefused,
    NoManagedOAuth,
    NoToken,
    NotProtected,
    TokenFileBroken,
    Unreachable,
)
from lychgate.client.login import How, Ways
from lychgate.client.tokenfiles import TokenFiles, default_folder
from lychgate.client.wire import Wire, read_url
from lychgate.outbound import Outbound
from tests.client.server import Handler, Page, Server, document

OUTBOUND = Outbound()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Person:
    """Somebody at a browser, who says yes; what comes back may be changed."""

    def __init__(self, server: Server, **changed: str) -> None:
        self.server = server
        self.changed = changed
        self.asked: list[dict[str, str]] = []
        self.told: list[str] = []

    def open(self, url: str) -> bool:
        """Follow the address, as a browser does."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.asked.append(query)
        back = {"code": "code", "state": query["state"], "iss": self.server.origin} | self.changed
        target = f"{query['redirect_uri']}?{urlencode({k: v for k, v in back.items() if v})}"
        threading.Thread(target=httpx.get, args=(target,), daemon=True).start()
        return True

    def ways(self, how: How = How.ANY) -> Ways:
        """A machine with this person's browser."""
        return Ways(self.open, self.told.append, None, how, lambda seconds: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where tokens are kept."""
    return tmp_path / "access"


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def access(folder: Path, clock: Clock) -> Access:
    """The commands."""
    return Access(Wire(OUTBOUND), TokenFiles(folder), clock)


def test_a_token_is_kept_for_its_owner_and_used_until_it_ends(
    access: Access, clock: Clock, folder: Path
) -> None:
    with Server() as server:
        person = Person(server)
        found = access.log_in(server.url, person.ways())
        assert found.is_new
        assert stat.S_IMODE(found.file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert access.token(server.url) == "token-1"
        assert access.token_or_login(server.url, person.ways()) == "token-1"
        assert not access.log_in(server.url, person.ways()).is_new
        assert server.called("POST /token") == 1
        asked = person.asked[0]
        assert (asked["resource"], asked["code_challenge_method"]) == (server.url, "S256")


def test_a_token_about_to_end_is_renewed_without_anybody(access: Access, clock: Clock) -> None:
    with Server() as server:
        person = Person(server)
        access.log_in(server.url, person.ways())
        clock.now += timedelta(seconds=880)
        assert access.token(server.url) == "token-2"
        assert server.calls[-1][1]["refresh_token"] == "again-1"
        assert access.token(server.url) == "token-2"
        assert len(person.asked) == 1


def test_a_login_that_is_over_is_forgotten(access: Access, clock: Clock) -> None:
    with Server() as server:
        person = Person(server)
        access.log_in(server.url, person.ways())
        clock.now += timedelta(hours=1)
        server.refresh = document({"error": "invalid_grant"}, 400)
        with pytest.raises(NoToken):
            access.token(server.url)
        assert access.token_or_login(server.url, person.ways()) == "token-2"
        assert len(person.asked) == 2


def test_a_server_in_trouble_costs_no_login(access: Access, clock: Clock) -> None:
    with Server() as server:
        access.log_in(server.url, Person(server).ways())
        clock.now += timedelta(hours=1)
        server.refresh = (503, {}, b"later")
        with pytest.raises(Unreachable):
            access.token(server.url)
        server.refresh = None
        assert access.token(server.url) == "token-2"


def test_a_revoked_token_is_noticed_at_login(access: Access) -> None:
    with Server() as server:
        person = Person(server)
        access.log_in(server.url, person.ways())
        server.tokens += 5
        assert not access.log_in(server.url, person.ways()).is_new
        server.tokens += 5
        server.refresh = document({"error": "invalid_grant"}, 400)
        assert access.log_in(server.url, person.ways()).is_new


def test_of_many_commands_one_logs_in(access: Access) -> None:
    with Server() as server, ThreadPoolExecutor(8) as threads:
        person = Person(server)
        futures = [
            threads.submit(access.token_or_login, server.url, person.ways()) for _ in range(8)
        ]
        assert {one.result() for one in futures} == {"token-1"}
        assert len(person.asked) == 1


def test_logout_ends_the_login_at_the_server_and_here(access: Access, folder: Path) -> None:
    with Server() as server:
        access.log_in(server.url, Person(server).ways())
        assert access.log_out(server.url)
        assert server.calls[-1] == ("POST /revoke", {"token": "again-1", "client_id": "client"})
        assert not list(folder.glob("*.token"))
        assert not access.log_out(server.url)


def test_a_registration_is_used_again_until_it_is_forgotten(access: Access) -> None:
    with Server() as server:
        person = Person(server)
        for _ in range(2):
            access.log_in(server.url, person.ways())
            access.log_out(server.url)
        assert server.called("POST /register") == 1
        server.refresh = document({"error": "invalid_client"}, 401)
        server.pages["POST /token"] = _forgetful(server)
        access.log_in(server.url, person.ways())
        assert server.called("POST /register") == 2


def _forgetful(server: Server) -> Handler:
    known = server.pages["POST /token"]

    def answer(headers: dict[str, str], form: dict[str, str]) -> Page:
        if form.get("refresh_token") == "none":
            return document({"error": "invalid_client"}, 401)
        return known(headers, form)

    return answer


# -- what is not believed -----------------------------------------------------------------------


def test_an_application_without_managed_oauth_is_named(access: Access) -> None:
    with Server() as server:
        login = f"{server.origin}/cdn-cgi/access/login/host?kid=1"
        server.gate = (302, {"Location": login}, b"")
        with pytest.raises(NoManagedOAuth, match="managed OAuth off") as caught:
            access.token(server.url)
        assert "administrator" in caught.value.hint
        server.gate = (403, {"Cf-Access-Aud": "a" * 64}, b"")
        with pytest.raises(NoManagedOAuth):
            access.token(server.url)
        server.gate = (200, {}, b"")
        with pytest.raises(NotProtected, match="answered 200"):
            access.token(server.url)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        pytest.param("resource", "resource", "http://127.0.0.1:1/app", id="another origin"),
        pytest.param("resource", "resource", "{origin}/other", id="another path"),
        pytest.param("resource", "resource", "{origin}/ap", id="half a segment"),
        pytest.param("resource", "authorization_servers", [], id="no server"),
        pytest.param("metadata", "issuer", "{origin}/", id="another issuer"),
        pytest.param("metadata", "token_endpoint", "", id="no token endpoint"),
        pytest.param("metadata", "authorization_endpoint", "file:///etc/passwd", id="a file"),
        pytest.param("metadata", "authorization_endpoint", "http://a.example/", id="plain http"),
    ],
)
def test_metadata_that_does_not_fit_ends_the_login(
    access: Access, part: str, name: str, value: object
) -> None:
    with Server() as server:
        filled = value.replace("{origin}", server.origin) if isinstance(value, str) else value
        getattr(server, part)[name] = filled
        person = Person(server)
        with pytest.raises(Unreachable):
            access.log_in(server.url, person.ways())
        assert person.asked == []


def test_a_challenge_that_points_elsewhere_is_not_followed(access: Access) -> None:
    with Server() as server, Server() as other:
        server.gate = other.gate
        with pytest.raises(Unreachable, match="another host"):
            access.token(server.url)
        assert other.calls == []


@pytest.mark.parametrize(
    "changed", [{"iss": "http://evil.example"}, {"iss": ""}, {"error": "access_denied", "code": ""}]
)
def test_an_answer_of_another_server_is_refused(access: Access, changed: dict[str, str]) -> None:
    with Server() as server:
        with pytest.raises(LoginRefused):
            access.log_in(server.url, Person(server, **changed).ways())
        assert server.called("POST /token") == 0


def test_an_address_that_is_pasted_does_as_well(access: Access) -> None:
    reading, writing = os.pipe()
    told: list[str] = []
    with Server() as server, os.fdopen(reading) as typed:

        def paste(url: str) -> bool:
            query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            back = {"code": "code", "state": query["state"], "iss": server.origin}
            wrong = f"{query['redirect_uri']}?code=1&state=another"
            lines = ("nonsense", wrong, f"{query['redirect_uri']}?{urlencode(back)}", "")
            os.write(writing, "\n".join(lines).encode())
            return False

        ways = Ways(paste, told.append, typed, How.BROWSER)
        assert access.token_or_login(server.url, ways) == "token-1"
    os.close(writing)
    assert sum("not the address" in one for one in told) == 2
    assert any("paste it here" in one for one in told)


def test_a_machine_without_a_browser_logs_in_by_code(access: Access) -> None:
    with Server() as server:
        server.metadata["device_authorization_endpoint"] = f"{server.origin}/device"
        server.pages["POST /device"] = lambda headers, form: document(
            {
                "device_code": "device",
                "user_code": "BCDF-GHJK",
                "verification_uri": f"{server.origin}/enter",
                "interval": 1,
                "expires_in": 600,
            }
        )
        waiting = [
            document({"error": "authorization_pending"}, 400),
            document({"error": "slow_down"}, 400),
        ]
        known = server.pages["POST /token"]
        server.pages["POST /token"] = lambda headers, form: (
            waiting.pop() if waiting and "device_code" in form else known(headers, form)
        )
        told: list[str] = []
        slept: list[float] = []
        ways = Ways(lambda url: False, told.append, None, How.ANY, slept.append)
        assert access.token_or_login(server.url, ways) == "token-1"
        assert "BCDF-GHJK" in told[0]
        assert slept == [1, 6, 6]


@pytest.mark.parametrize("name", ["verification_uri", "user_code"])
@pytest.mark.parametrize("evil", ["\x1b]0;owned\x07", "\r\nlogged in", "\u202e"])
def test_a_hostile_server_does_not_write_on_the_terminal(
    access: Access, name: str, evil: str
) -> None:
    with Server() as server:
        server.metadata["device_authorization_endpoint"] = f"{server.origin}/device"
        said = {"device_code": "d", "user_code": "B", "verification_uri": f"{server.origin}/enter"}
        said[name] += evil
        server.pages["POST /device"] = lambda headers, form: document({**said, "interval": 1})
        told: list[str] = []
        ways = Ways(lambda url: False, told.append, None, How.DEVICE, lambda seconds: None)
        with pytest.raises(ClientError, match=f"without a usable {name}"):
            access.token_or_login(server.url, ways)
        assert told == []


# -- files and addresses ------------------------------------------------------------------------


def test_a_token_file_that_others_can_read_is_not_used(access: Access) -> None:
    with Server() as server:
        file = access.log_in(server.url, Person(server).ways()).file
        file.chmod(0o644)
        with pytest.raises(TokenFileBroken, match="others can read"):
            access.token(server.url)


@pytest.mark.parametrize("content", ["", "[]", "{}", "no json", '{"expires_at": "soon"}'])
def test_a_damaged_token_file_is_named(access: Access, content: str) -> None:
    with Server() as server:
        file = access.log_in(server.url, Person(server).ways()).file
        file.write_text(content)
        with pytest.raises(TokenFileBroken) as caught:
            access.token(server.url)
        assert str(file) in caught.value.message


def test_tokens_do_not_show(access: Access) -> None:
    with Server() as server:
        kept = access.log_in(server.url, Person(server).ways()).kept
        assert "token-1" not in repr(kept) and "again-1" not in repr(kept)


def test_the_folder_follows_the_environment(tmp_path: Path) -> None:
    assert default_folder({"XDG_STATE_HOME": "/state"}) == Path("/state/lychgate/access")
    assert default_folder({"XDG_STATE_HOME": "relative"}) == Path.home() / ".lychgate/access"
    assert default_folder({}) == Path.home() / ".lychgate" / "access"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("app.example.com/x", "https://app.example.com/x"),
        ("http://localhost:8080/a?b=c#d", "http://localhost:8080/a?b=c"),
    ],
)
def test_an_address_is_read_as_people_type_it(typed: str, read: str) -> None:
    assert read_url(typed) == read


@pytest.mark.parametrize("typed", ["", "ftp://a/", "https://", "https://u:p@a/", "https://a:x/"])
def test_what_is_no_web_address_is_refused(typed: str) -> None:
    with pytest.raises(BadUrl):
        read_url(typed)


def test_plain_http_stays_on_this_machine(access: Access) -> None:
    with pytest.raises(ClientError, match="not this machine"):
        access.token("http://192.0.2.1/")
