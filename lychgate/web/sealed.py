"""What travels through the browser between the steps of a login, sealed and short-lived.

Every value is bound to the browser it was made for and names the one use it is good for, so that
none can be carried to another browser or another step.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from lychgate.core.keys import seal, unseal
from lychgate.core.model import AppId, IdpId
from lychgate.core.selectors import Evaluation
from lychgate.web.services import Services


class Use(StrEnum):
    """What a sealed value is for."""

    VISIT = "web.visit"
    STATE = "web.state"
    PIN = "web.pin"
    ENTRANCE = "web.entrance"
    HANDOVER = "web.handover"
    SIGN_ON = "web.sign-on"
    APPROVE = "web.approve"
    NEXT = "web.next"
    TERMINAL = "web.terminal"
    PROVIDER_TEST = "web.provider-test"
    CONSENT = "web.consent"
    DECLINE = "web.decline"
    DEVICE = "web.device"


LIVES: Mapping[Use, timedelta] = {
    Use.VISIT: timedelta(hours=1),
    Use.STATE: timedelta(minutes=10),
    Use.PIN: timedelta(minutes=10),
    Use.ENTRANCE: timedelta(hours=24),
    Use.HANDOVER: timedelta(minutes=5),
    Use.SIGN_ON: timedelta(minutes=5),
    Use.APPROVE: timedelta(hours=1),
    Use.NEXT: timedelta(minutes=5),
    Use.TERMINAL: timedelta(minutes=10),
    Use.PROVIDER_TEST: timedelta(minutes=10),
    Use.CONSENT: timedelta(hours=1),
    Use.DECLINE: timedelta(hours=1),
    Use.DEVICE: timedelta(minutes=10),
}
"""How long each is good for."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A sealed value that is ours and not too old; whose browser it belongs to is yet to check."""

    id: str
    browser: str
    expires_at: datetime
    payload: Mapping[str, Any] = field(repr=False)


def close(services: Services, use: Use, payload: Mapping[str, Any], browser: str) -> str:
    """Seal a payload for one use and one browser."""
    expires = int((services.clock() + LIVES[use]).timestamp())
    whole = {**payload, "i": services.token(), "b": browser, "x": expires}
    key = services.current().keyring.sealing_key()
    return seal(key, use, whole, services.random(12))


def open_sealed(services: Services, use: Use, text: str) -> Opened | None:
    """The value sealed for that use; None when it is not ours or its time is over."""
    whole = unseal(services.current().keyring, use, text) if text else None
    if whole is None:
        return None
    payload = {name: value for name, value in whole.items() if name not in ("i", "b", "x")}
    expires = datetime.fromtimestamp(whole["x"], UTC)
    if services.clock() >= expires:
        return None
    return Opened(whole["i"], whole["b"], expires, payload)


NO_APP = AppId("")


class Purpose(StrEnum):
    """What a login is for."""

    ENTER = "enter"
    """An application."""
    GRANT = "grant"
    """What an OAuth client asks for, at an application."""
    TEAM = "team"
    """A page of the team domain."""
    SIGN_ON = "sign-on"
    """An application elsewhere, which sends its people to us."""
    TEST = "test"
    """Trying a provider out; no session comes of it."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A command line that waits for a session: its public key, and what it asked for."""

    key: str
    org_token: bool
    """Whether it wants the team session too."""
    closing: bool
    """Whether the window is to close when all is done."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a login leads: the application and its host, the path there, and the chain before.

    For a page of the team domain `app` and `host` are empty. `app_session` is the hash of the
    `CF_AppSession` that the hand-over will be bound to; `chain` says, sealed, where to go on after
    this host; `certificate` is the common name of the valid one the browser showed the application.
    With `terminal` a command line gets the session, and the browser goes nowhere.
    """

    purpose: Purpose
    path: str
    app: AppId = NO_APP
    host: str = ""
    app_session: str = ""
    chain: str = ""
    certificate: str | None = None
    terminal: Terminal | None = None

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "w": self.purpose.value,
            "p": self.path,
            "a": self.app,
            "h": self.host,
            "s": self.app_session,
            "c": self.chain,
            "m": self.certificate,
            "k": astuple(self.terminal) if self.terminal else None,
        }

    @staticmethod
    def unpack(payload: Mapping[str, Any]) -> "Visit":
        """From JSON that `pack` made."""
        return Visit(
            Purpose(payload["w"]),
            payload["p"],
            AppId(payload["a"]),
            payload["h"],
            payload["s"],
            payload["c"],
            payload["m"],
            Terminal(*payload["k"]) if payload["k"] else None,
        )


@dataclass(frozen=True, slots=True)
class LoginState:
    """A login at an identity provider: what we gave it, to be compared with what it answers."""

    visit: Visit
    idp: IdpId
    nonce: str
    code_verifier: str = field(repr=False)

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.visit.pack(), "d": self.idp, "n": self.nonce, "v": self.code_verifier}

    @staticmethod
    def unpack(payload: Mapping[str, Any]) -> "LoginState":
        """From JSON that `pack` made."""
        visit = Visit.unpack(payload)
        return LoginState(visit, IdpId(payload["d"]), payload["n"], payload["v"])


@dataclass(frozen=True, slots=True)
class PinState:
    """A login by mailed code: the transaction it belongs to and the address it was asked for."""

    visit: Visit
    idp: IdpId
    transaction: str
    email: str

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.visit.pack(), "d": self.idp, "t": self.transaction, "e": self.email}

    @staticmethod
    def unpack(payload: Mapping[str, Any]) -> "PinState":
        """From JSON that `pack` made."""
        visit = Visit.unpack(payload)
        return PinState(visit, IdpId(payload["d"]), payload["t"], payload["e"])


@dataclass(frozen=True, slots=True)
class Entrance:
    """A person at the door of an application: the login, and what outside services said of it."""

    visit: Visit
    session: str
    fresh: bool
    """Whether they logged in for this very visit."""
    evaluations: Mapping[Evaluation, bool] = field(default_factory=dict)

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        asked = [[*urls, said] for urls, said in self.evaluations.items()]
        return {**self.visit.pack(), "n": self.session, "f": self.fresh, "e": asked}

    @staticmethod
    def unpack(payload: Mapping[str, Any]) -> "Entrance":
        """From JSON that `pack` made."""
        said = {(one[0], one[1]): bool(one[2]) for one in payload["e"]}
        return Entrance(Visit.unpack(payload), payload["n"], bool(payload["f"]), said)
