"""What OAuth keeps in the store: clients, codes, grants, consents, device requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from lychgate.core.model import AppId


class GrantKind(StrEnum):
    """Which of our two authorization servers gave a grant."""

    MANAGED = "managed"
    SAAS = "saas"


@dataclass(frozen=True, slots=True)
class Client:
    """A client that registered itself (RFC 7591)."""

    id: str
    secret_hash: bytes | None = field(repr=False)
    """SHA-256 of the secret; None: a public client."""
    metadata: Mapping[str, Any]
    """What it registered, as it is told back; never a secret."""
    created_at: datetime
    expires_at: datetime
    """When it is forgotten unless it is used before."""
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person allowed a client at one application; tokens come from it until it ends."""

    id: str
    kind: GrantKind
    client: str
    app: AppId
    subject: str
    email: str
    session: str
    """The login it goes back to; its identity is judged again at each refresh."""
    resource: str
    scope: str
    created_at: datetime
    expires_at: datetime
    """Fixed: no refresh moves it."""
    generation: int = 1
    """Which refresh token is the good one."""
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the kind needs later, such as the `nonce` of an ID token."""


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: the grant it will become, and what its redemption must match."""

    grant: Grant
    redirect_uri: str
    challenge: str
    """S256 challenge (RFC 7636); empty: none was given."""
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allowed before: the client, where it goes back to, the application."""

    subject: str
    client: str
    app: AppId
    redirect_host: str


class DeviceState(StrEnum):
    """How far a device request has come."""

    WAITING = "waiting"
    ALLOWED = "allowed"
    REFUSED = "refused"
    USED = "used"


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A request of a machine without a browser (RFC 8628)."""

    client: str
    app: AppId
    resource: str
    scope: str
    created_at: datetime
    expires_at: datetime
    interval: int
    """Seconds the client must leave between two polls."""
    state: DeviceState = DeviceState.WAITING
    grant: Grant | None = None
    """What the person allowed."""


class Polled(StrEnum):
    """What a poll by the right client found."""

    ANSWERED = "answered"
    TOO_SOON = "too_soon"


class Clients(Protocol):
    """Registered clients. Those never used are capped and forgotten."""

    def register(self, client: Client) -> None:
        """Keep a new client; `StoreFull` when too many wait to be used."""

    def get(self, id: str, now: datetime) -> Client | None:
        """A client that is not over."""

    def list(self, now: datetime, limit: int = 1000) -> tuple[Client, ...]:
        """Clients that are not over, newest first."""

    def used(self, id: str, now: datetime, expires_at: datetime) -> None:
        """Note a use, which moves the end of the registration."""

    def remove(self, id: str, now: datetime) -> bool:
        """Forget a client and end its grants; False when there was nothing."""


class Codes(Protocol):
    """Authorization codes, by SHA-256 digest."""

    def issue(self, digest: bytes, code: Code) -> None:
        """Keep a new code."""

    def get(self, digest: bytes) -> Code | None:
        """A code, used or over as it may be."""

    def redeem(self, digest: bytes, grant: Grant, now: datetime) -> bool:
        """Use a code up and keep its grant: True for exactly one caller, before its end."""


class Grants(Protocol):
    """Grants. Each revocation is in force at every gate, as those of `RevocationLog` are."""

    def get(self, id: str) -> Grant | None:
        """One grant, ended or not."""

    def list(
        self, now: datetime, email: str = "", client: str = "", limit: int = 1000
    ) -> tuple[Grant, ...]:
        """Grants that are still good, newest first."""

    def rotate(self, id: str, generation: int, now: datetime, grace: timedelta) -> Grant | None:
        """Move on from the refresh token of a generation; the grant afterwards.

        The token before the newest changes nothing within the grace: its caller gets what the
        first one got. None for any other token, and when the grant has ended.
        """

    def revoke(self, id: str, now: datetime) -> bool:
        """End a grant and its tokens; False when there is none to end."""


class Consents(Protocol):
    """What people allowed before."""

    def record(self, consent: Consent, now: datetime, expires_at: datetime) -> None:
        """Remember a yes."""

    def given(self, consent: Consent, now: datetime) -> bool:
        """Whether exactly this was allowed and is remembered."""


class Devices(Protocol):
    """Device requests, by SHA-256 digest of device code and of user code."""

    def begin(self, device: bytes, user: bytes, request: DeviceRequest) -> bool:
        """Keep a new request; False when that user code is in use."""

    def by_user_code(self, user: bytes, now: datetime) -> DeviceRequest | None:
        """A request that waits for a person."""

    def by_device_code(self, device: bytes) -> DeviceRequest | None:
        """A request, over or not."""

    def poll(self, device: bytes, now: datetime) -> Polled:
        """Count one poll; too soon makes the interval five seconds longer."""

    def answer(self, user: bytes, grant: Grant | None, now: datetime) -> bool:
        """The person's answer, None for a no; True for exactly one answer."""

    def redeem(self, device: bytes, grant: Grant, now: datetime) -> bool:
        """Use an allowed request up and keep its grant: True for exactly one caller."""


class OAuthStore(Protocol):
    """All that OAuth keeps."""

    @property
    def clients(self) -> Clients: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def devices(self) -> Devices: ...
