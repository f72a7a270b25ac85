"""What every part may ask of the store: the protocol, its records, and its errors."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from lychgate.core.identity import Identity
from lychgate.core.keys import Keyring
from lychgate.core.model import AppId, ApprovalGroup, IdpId, PolicyId, Records, Revocation, TokenId
from lychgate.errors import LychgateError
from lychgate.store.oauthbase import OAuthStore

LONGEST_LIFE = timedelta(days=400)
"""No token of ours outlives this; a revocation without a nearer end is kept as long."""

type Clock = Callable[[], datetime]
"""Where the time comes from: an aware `datetime`."""


class Kind(StrEnum):
    """The kinds of object administrators edit."""

    ORGANIZATION = "organization"
    IDP = "identity_provider"
    GROUP = "group"
    LIST = "list"
    POLICY = "policy"
    APPLICATION = "application"
    SERVICE_TOKEN = "service_token"
    CERTIFICATE = "certificate"
    TAG = "tag"
    CUSTOM_PAGE = "custom_page"
    MCP_SERVER = "mcp_server"
    MCP_PORTAL = "mcp_portal"
    SETTINGS = "settings"
    """What the installation does by itself: `keys`, `certificates`."""


type ObjectKey = tuple[Kind, str]
"""Names one object: its kind and id."""


class Source(StrEnum):
    """Who owns an object: the administrators' API, or the configuration file."""

    API = "api"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Object:
    """One object as stored. `body` is its wire JSON and never holds a secret."""

    kind: Kind
    id: str
    body: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    rules_changed_at: datetime
    """Whole seconds, never goes back: when a member that decides was last changed."""
    revision: int
    """The store's revision that brought its present state."""
    source: Source
    seq: int
    """Order of creation over all kinds."""
    created_by: str = ""
    """The name of whoever made it; empty when that is not known."""
    updated_by: str = ""
    owned: bool = False
    """It belongs to another object and is not listed by itself."""

    @property
    def key(self) -> ObjectKey:
        """Its kind and id."""
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class Put:
    """Create an object or replace its body. An equal body, source and no secrets: no change."""

    kind: Kind
    id: str
    body: Mapping[str, Any]
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    """All its secrets by name, sealed at rest; None keeps those that are stored."""
    source: Source = Source.API


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an object that exists."""

    kind: Kind
    id: str


type Edit = Put | Delete


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes an administrative change; `kind` is `cli`, `file`, `api` or `system`."""

    name: str
    kind: str
    request_id: str = ""


class Catalogue(Protocol):
    """The objects as they are inside a change: nobody else can change them meanwhile."""

    @property
    def revision(self) -> int:
        """The store's revision before this change."""

    def objects(self, kind: Kind) -> tuple[Object, ...]:
        """All objects of a kind in order of creation."""

    def object(self, kind: Kind, id: str) -> Object | None:
        """One object, if it exists."""

    def holding(self, kind: Kind, text: str) -> tuple[Object, ...]:
        """At least those objects of a kind in whose body that text stands, in order of creation.

        This is how what names an id is found without reading every body.
        """


type Plan = Callable[[Catalogue], Sequence[Edit]]
"""Decides the edits of a change from the current state; what it raises ends the change."""


@dataclass(frozen=True, slots=True)
class Position:
    """A state of the store: a revision, and the server (or file) whose count it is.

    Another server may count on from an earlier revision than the last one did: behind a fail-over
    the same number can name another state.
    """

    revision: int
    server: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new after a revision, from one consistent read."""

    revision: int
    server: str = ""
    """Whose revision it is, see `Position`."""
    objects: tuple[Object, ...] = ()
    deleted: tuple[ObjectKey, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    keyring: Keyring | None = None
    """The whole keyring when any key changed."""
    complete: bool = False
    """Everything there is: whatever it does not name exists no more."""


@dataclass(frozen=True, slots=True)
class State:
    """What a snapshot is compiled from, at one revision."""

    revision: int
    records: Records
    keyring: Keyring
    revocations: tuple[Revocation, ...] = ()


class Compile[S](Protocol):
    """Compiles a state, or raises `InvalidConfiguration` with every problem.

    With `previous`, `changed` names every object that differs from what it was compiled from;
    it is empty when only keys or revocations moved. Without, all is new.
    """

    def __call__(
        self,
        previous: S | None,
        state: State,
        changed: frozenset[ObjectKey],
        now: datetime,
    ) -> S: ...


class ToModel(Protocol):
    """Reads a wire body into its value of `core.model`, or raises `InvalidConfiguration`."""

    def __call__(
        self, kind: str, id: str, body: Mapping[str, Any], rules_changed_at: datetime, /
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Session:
    """A login: what is known of its person, under the nonce its tokens carry."""

    nonce: str
    subject: str
    email: str
    identity: Identity
    ip: str
    country: str
    created_at: datetime
    expires_at: datetime
    identity_json: Mapping[str, Any] = field(default_factory=dict)
    """The document that `get-identity` shows."""
    ended_at: datetime | None = None
    """When it was logged out or revoked."""
    last_seen_at: datetime | None = None


class Sessions(Protocol):
    """Logins and the identity each one brought."""

    def create(self, session: Session) -> None:
        """Keep a new login."""

    def get(self, nonce: str) -> Session | None:
        """A login that is neither ended nor over."""

    def not_ended(self, nonce: str) -> Session | None:
        """A login that was not ended, even when its time is over: a grant may outlast it."""

    def by_email(self, email: str) -> tuple[Session, ...]:
        """Logins of an address that are still good, newest first."""

    def newest(self, subject: str) -> Session | None:
        """The last login of a person that is remembered, also when it was ended or is over."""

    def live(self, limit: int = 1000) -> tuple[Session, ...]:
        """Logins of everybody that are still good, newest first."""

    def touch(self, nonce: str, now: datetime) -> None:
        """Note that a login was used."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Some of many, and how many there are in all."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which people; an empty member asks nothing."""

    email: str = ""
    name: str = ""
    search: str = ""
    """Part of the address or the name."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who logged in; `id` is the `sub` claim."""

    id: str
    email: str
    name: str
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None = None
    last_idp: str = ""


class Users(Protocol):
    """The people this installation knows. Addresses are canonical, one person each."""

    def find_or_create(self, email: str, name: str, now: datetime) -> User:
        """The person of an address, made when there is none; a new name replaces the old."""

    def get(self, id: str) -> User | None:
        """The person of a subject."""

    def by_email(self, email: str) -> User | None:
        """The person of an address."""

    def list(self, search: str = "", limit: int = 1000, offset: int = 0) -> tuple[User, ...]:
        """People whose address or name contains the text, by address."""

    def page(self, filter: "UserFilter", limit: int, offset: int) -> "Page[User]":
        """Some of the people who fit, oldest first, and how many there are."""

    def update(self, id: str, email: str, name: str, now: datetime) -> User | None:
        """Give a person another address and name; `Conflict` when the address is taken."""

    def delete(self, id: str, now: datetime) -> bool:
        """Forget a person and revoke their tokens; coming back they get a new id."""

    def record_login(self, id: str, idp: str, now: datetime) -> None:
        """Note a login that succeeded."""


class RevocationLog(Protocol):
    """Ends tokens before their time. Each call bumps the revision and returns it.

    Tokens issued in the second of `now` or before are dead. A revocation is forgotten when
    nothing that old can still be valid: after `lasting`, the longest life of any token it ends.
    """

    def revoke_user(self, person: str, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End everything a person has, named by subject or email; `NotFound` if unknown."""

    def revoke_session(self, nonce: str, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End one login."""

    def revoke_app(self, app: AppId, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End all tokens of an application."""

    def revoke_grant(self, grant: str, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End one OAuth grant."""

    def live(self, now: datetime) -> tuple[Revocation, ...]:
        """Every revocation that still matters."""


class Keys(Protocol):
    """The installation's signing and sealing keys; private parts are sealed at rest."""

    def keyring(self) -> Keyring:
        """All keys, oldest first; the first start made one of each."""

    def rotate(self, now: datetime, unless_since: datetime | None = None) -> Keyring:
        """Publish a new signing key that signs after `PUBLISH_AHEAD`; the old one then retires.

        Nothing happens when there is one that was made later than `unless_since`.
        """


class OneTime(Protocol):
    """Values that count once, such as the id of a hand-over."""

    def consume(self, kind: str, id: str, expires_at: datetime) -> bool:
        """True for exactly one caller, ever; the value is remembered until it expires."""


class PinStatus(StrEnum):
    """How an attempt at a one-time PIN ended."""

    OK = "ok"
    WRONG = "wrong"
    DEAD = "dead"
    """Too many wrong attempts; the right code is refused too."""
    EXPIRED = "expired"
    USED = "used"
    NONE = "none"
    """This transaction was never sent a code."""


@dataclass(frozen=True, slots=True)
class PinResult:
    """The outcome of an attempt; `email` is the address the code was sent to, only when OK."""

    status: PinStatus
    email: str = ""


class Pins(Protocol):
    """One-time PINs, each bound to a login transaction and an address; hashes only."""

    def issue(
        self,
        transaction: str,
        email: str,
        code_hash: bytes,
        expires_at: datetime,
        now: datetime,
        per_hour: int | None = None,
    ) -> bool:
        """Keep a code, replacing the transaction's earlier one.

        False, and nothing kept, when the canonical address had `per_hour` codes in the last hour.
        """

    def attempt(self, transaction: str, code_hash: bytes, now: datetime) -> PinResult:
        """Judge one try; five wrong ones kill the code, a right one uses it up."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One approver's yes, for at most `duration`."""

    approver: str
    at: datetime
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for temporary access to an application, and who approved it."""

    id: str
    subject: str
    email: str
    app: AppId
    policy: PolicyId
    purpose: str
    groups: tuple[ApprovalGroup, ...]
    """Lists already replaced by their addresses."""
    requested_at: datetime
    expires_at: datetime
    """When the request lapses if it is not granted."""
    votes: tuple[Vote, ...] = ()
    granted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What a person asks for; see `Approval`."""

    id: str
    subject: str
    email: str
    app: AppId
    policy: PolicyId
    purpose: str
    groups: tuple[ApprovalGroup, ...]
    expires_at: datetime


class Approvals(Protocol):
    """Temporary authentication: requests, votes, and what was granted."""

    def request(self, request: ApprovalRequest, now: datetime) -> Approval:
        """Keep a request; an open one of that person for the policy and application is returned."""

    def get(self, id: str) -> Approval | None:
        """One request."""

    def approve(self, id: str, approver: str, duration: timedelta, now: datetime) -> Approval:
        """Count a vote; granted once each group has its number, for the shortest duration given.

        `NotAllowed` for people outside the groups and for the asker; `NotFound` when it is gone,
        lapsed or already granted. At most 24 hours.
        """

    def pending_for(self, email: str, now: datetime) -> tuple[Approval, ...]:
        """Open requests that this person may approve and has not, oldest first."""

    def granted(self, subject: str, app: AppId, now: datetime) -> Approval | None:
        """The grant in force for a person and application, the one that lasts longest."""


class Purposes(Protocol):
    """Answers to purpose justification, once for each login and application."""

    def record(self, session: str, app: AppId, text: str) -> None:
        """Keep an answer, replacing an earlier one."""

    def given(self, session: str, app: AppId) -> bool:
        """Whether this login already answered."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit log; it never holds a secret, token, code or PIN."""

    at: datetime
    action: str
    """What happened: `login`, `refused`, `logout`, `put`, `delete`, `revoke_user`, …"""
    actor: str = ""
    actor_kind: str = ""
    email: str = ""
    subject: str = ""
    app: str = ""
    policy: str = ""
    allowed: bool | None = None
    reason: str = ""
    request_id: str = ""
    session: str = ""
    ip: str = ""
    country: str = ""
    target: str = ""
    """The object of an administrative change, as `kind/id`."""
    revision: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Anything more; for an administrative change `before` and `after` without secrets."""
    id: int = 0
    """Its place in the log, given by the store."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines of the audit log; a member that is None asks nothing."""

    since: datetime | None = None
    until: datetime | None = None
    actions: tuple[str, ...] = ()
    email: str | None = None
    app: str | None = None
    target: str | None = None
    request_id: str | None = None
    allowed: bool | None = None
    oldest_first: bool = False
    """The order of the answer; else the newest come first."""
    limit: int = 100
    """At most so many lines; a walk has none but its own end."""


class AuditLog(Protocol):
    """Who did what, administrators and visitors alike."""

    def write(self, events: Iterable[AuditEvent]) -> None:
        """Append lines, all or none."""

    def query(self, filter: AuditFilter) -> tuple[AuditEvent, ...]:
        """Lines that fit."""

    def walk(self, filter: AuditFilter) -> Iterator[AuditEvent]:
        """Every line that fits, however many; they are read some at a time."""

    def prune(self, before: datetime) -> int:
        """Forget older lines; how many they were."""


class TokenUses(Protocol):
    """When service tokens were last used; written now and then, never with each request."""

    def note(self, seen: Mapping[TokenId, datetime]) -> None:
        """Remember uses; an earlier one never replaces a later."""

    def last(self) -> Mapping[TokenId, datetime]:
        """The last use of every token that was ever used."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a browser leaves for a command line: sealed, so that its receiver alone can read it."""

    sender: str
    """The public key of whoever sealed it."""
    content: str = field(repr=False)
    expires_at: datetime


class Transfers(Protocol):
    """What waits to be collected by the holder of a public key."""

    def put(self, receiver: str, transfer: Transfer) -> None:
        """Leave something; it takes the place of what was left for the same receiver before."""

    def waits(self, receiver: str, now: datetime) -> bool:
        """Whether something was left for this receiver."""

    def take(self, receiver: str, now: datetime) -> Transfer | None:
        """What was left, for exactly one caller; it is forgotten with that."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A credential of the admin API; what it consists of is kept as a hash only."""

    id: str
    name: str
    email: str
    """Whose it is; with it the token also works as a key (`X-Auth-Email`, `X-Auth-Key`)."""
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class ApiTokens(Protocol):
    """The credentials of the admin API."""

    def create(self, token: ApiToken, digest: bytes) -> None:
        """Keep a new token under the hash of its secret."""

    def by_digest(self, digest: bytes) -> ApiToken | None:
        """The token with that hash, also when it is over."""

    def list(self) -> tuple[ApiToken, ...]:
        """All tokens, oldest first."""

    def revoke(self, id: str, now: datetime) -> bool:
        """End a token; False when there is none that is not ended."""

    def touch(self, id: str, now: datetime) -> None:
        """Note a use."""


class Visits(Protocol):
    """How often somebody did something, counted over all nodes."""

    def count(self, who: str, most: int, span: timedelta, now: datetime) -> timedelta | None:
        """Count one more, unless there were so many in the last span.

        None when it was counted, else how long to wait.
        """


class Issuers(Protocol):
    """Which issuer each identity provider named in its first good login."""

    def of(self, idp: IdpId, settings: str) -> str:
        """The issuer of a provider with these settings (hashed); empty before the first login."""

    def note(self, idp: IdpId, settings: str, issuer: str) -> None:
        """Keep the issuer of a good login; for the same settings the first one stays."""


class Results(Protocol):
    """What a call found out, to be asked for later, perhaps on another node."""

    def keep(self, id: str, content: Any, now: datetime) -> None:
        """Keep a result for an hour, and forget the oldest of too many."""

    def find(self, id: str, now: datetime) -> Any:
        """A result that is still kept, or None."""


class Store(Protocol):
    """All that outlives a process."""

    @property
    def sessions(self) -> Sessions: ...
    @property
    def users(self) -> Users: ...
    @property
    def revocations(self) -> RevocationLog: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def one_time(self) -> OneTime: ...
    @property
    def pins(self) -> Pins: ...
    @property
    def approvals(self) -> Approvals: ...
    @property
    def purposes(self) -> Purposes: ...
    @property
    def audit(self) -> AuditLog: ...
    @property
    def oauth(self) -> OAuthStore: ...
    @property
    def token_uses(self) -> TokenUses: ...
    @property
    def transfers(self) -> Transfers: ...
    @property
    def api_tokens(self) -> ApiTokens: ...
    @property
    def visits(self) -> Visits: ...
    @property
    def issuers(self) -> Issuers: ...
    @property
    def results(self) -> Results: ...

    def revision(self) -> int:
        """The number that grows with each change of configuration, keys or revocations."""

    def position(self) -> Position:
        """The same number, and whose it is."""

    def objects(self, kind: Kind) -> tuple[Object, ...]:
        """All objects of a kind in order of creation."""

    def object(self, kind: Kind, id: str) -> Object | None:
        """One object, if it exists."""

    def listed(self, kind: Kind) -> tuple[Object, ...]:
        """The objects of a kind that are listed by themselves, in order of creation."""

    def page(self, kind: Kind, limit: int, offset: int) -> Page[Object]:
        """Some of those that are listed by themselves, and how many there are."""

    def some(self, kind: Kind, ids: Collection[str]) -> Mapping[str, Object]:
        """Those of the ids that exist."""

    def changes(self, since: int) -> Changes:
        """Everything after a revision; 0 asks for all."""

    def each_change(self, since: Position, visit: Callable[[Object], None]) -> Changes:
        """As `changes`, with each object handed to `visit` instead of collected.

        Everything when the position is that of another server.

        This is how a large installation is read without all its bodies in memory at once.
        """

    def change(self, actor: Actor, plan: Plan) -> int:
        """Plan, compile, write and audit in one transaction; the revision afterwards.

        Raises `InvalidConfiguration` with every problem, and then nothing was written. Edits
        that change nothing are left out; when none is left the revision stays.
        """

    def secrets(self, kind: Kind, id: str) -> Mapping[str, str]:
        """The secrets of an object by name, unsealed; empty when it has none."""

    def book(self, at: datetime) -> int:
        """The revision by which tokens issued in the second of `at` are to be judged.

        Whatever is changed or revoked after that revision counts as later than that second,
        on every node and whatever the clocks of the nodes say.
        """

    def take_turn(self, every: timedelta, now: datetime) -> bool:
        """Whether the chores are this node's now: true for one node in so long a time."""

    def wait(self, timeout: timedelta) -> None:
        """Return after the timeout, or at once when the store hears of a change."""

    def prune(self, now: datetime) -> int:
        """Housekeeping: drop what expired and retire keys that were replaced; rows dropped."""

    def close(self) -> None:
        """Give back every connection."""


class StoreError(LychgateError):
    """The store cannot do what it was asked."""

    code = "store_error"


class StoreUnavailable(StoreError):
    """The database does not answer, or not in time."""

    code = "store_unavailable"


class StoreDamaged(StoreUnavailable):
    """The database file is not whole, as when a copy was put over it while something ran."""

    code = "store_damaged"


class ClockAhead(StoreUnavailable):
    """This machine's clock is ahead of the database's: its tokens would outlive revocations."""

    code = "clock_ahead"


class StoreFull(StoreError):
    """What visitors may make us keep has reached its limit; it clears as entries expire."""

    code = "store_full"


class StoreTooNew(StoreError):
    """The database was written by a later version of this program."""

    code = "store_too_new"


class StoreTooOld(StoreError):
    """The database has the tables of an earlier version, and its role may not change them."""

    code = "store_too_old"


class NotFound(StoreError):
    """The thing named does not exist."""

    code = "not_found"


class Conflict(StoreError):
    """A thing of that name or id already exists."""

    code = "conflict"


class Stale(StoreError):
    """The object was changed since the caller read it."""

    code = "stale"


class NotAllowed(StoreError):
    """This person may not approve this request."""

    code = "not_allowed"


class SecretInBody(StoreError):
    """A body holds a secret in the clear; secrets go into `Put.secrets`."""

    code = "secret_in_body"


class InvalidAddress(StoreError):
    """An email address that is not canonical in any reading."""

    code = "invalid_address"


class BadMasterKey(StoreError):
    """The master key is missing, unreadable, or not the one this store was sealed with."""

    code = "bad_master_key"
