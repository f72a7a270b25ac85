"""The tables: what each column means, what is hashed or sealed, and when a row goes away.

Every time is kept as whole microseconds since 1970 UTC, every document as JSON text. *Hashed*
columns hold SHA-256 and the value itself is nowhere; *sealed* columns are encrypted under the
master key (`store.sealing`). `store.housekeeping` drops what expired.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from lychgate.core.model import EPOCH

metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware time as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Words(TypeDecorator[str]):
    """Text from anywhere; what PostgreSQL cannot hold (NUL, lone surrogates) is replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isprintable() and value.isascii()):
            return value
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value


class Document(TypeDecorator[Any]):
    """A JSON value as ASCII text, which both databases hold whatever its strings are."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


_serial = BigInteger().with_variant(Integer, "sqlite")

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    # `revision`: grows with each change; its row is the lock every such change takes first.
    # `seq`: order of creation of objects. `floor`: newest revision whose tombstones were dropped.
    # `issued`: the newest second of any token; each change locks it too, and is never before it.
    # `tidied`: microseconds when a node last began the chores. `serves`: see `migrations`.
    Column("value", BigInteger, nullable=False),
)

seal_check = Table(
    "seal_check",
    metadata,
    Column("id", Integer, primary_key=True),
    # A known text, sealed: opens only under the master key this store was made with.
    Column("sealed", LargeBinary, nullable=False),
)

objects = Table(
    "objects",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Words, primary_key=True),
    # The wire JSON; secrets are not in it.
    Column("body", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # Whole seconds; moves only when a member that decides changes.
    Column("rules_changed_at", Instant, nullable=False),
    # The revision that brought the present state.
    Column("revision", BigInteger, nullable=False, index=True),
    # `api` or `file`.
    Column("source", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    # Who made it, and who changed it last; empty for what is older than these columns.
    Column("created_by", Words, nullable=False, server_default=""),
    Column("updated_by", Words, nullable=False, server_default=""),
    # It belongs to another object, as a policy of one application, and is not listed by itself.
    Column("owned", Boolean, nullable=False, server_default=false()),
    Index("ix_objects_kind_seq", "kind", "seq"),
    Index("ix_objects_listed", "kind", "owned", "seq"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Words, primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
    # Dropped after a week; a reader that was away longer reads everything.
    Column("deleted_at", Instant, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    # The object the secret belongs to; rows go with it.
    Column("kind", Text, primary_key=True),
    Column("id", Words, primary_key=True),
    Column("name", Text, primary_key=True),
    # Sealed, bound to kind, id and name.
    Column("sealed", LargeBinary, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    # The `kid` of a signing key, the id of a sealing key.
    Column("id", Text, primary_key=True),
    # `signing` or `sealing`.
    Column("use", Text, nullable=False),
    # Sealed, bound to use and id: PKCS 8 DER of a signing key, the 32 bytes of a sealing key.
    Column("sealed", LargeBinary, nullable=False),
    Column("certificate_pem", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # A signing key signs from here on; it was published before.
    Column("active_from", Instant, nullable=False),
    # When the next key took over; the row is dropped once the overlap is past.
    Column("retired_at", Instant),
    Column("revision", BigInteger, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    # `user`, `app`, `session` or `grant`, and the subject, application id, nonce or grant id.
    Column("kind", Text, primary_key=True),
    Column("key", Words, primary_key=True),
    # Tokens of this second and before are dead. For all but grants it is when the row was written.
    Column("not_before", Instant, nullable=False),
    # When nothing that old can still be valid; the row is dropped then.
    Column("expires_at", Instant, nullable=False, index=True),
    Column("revision", BigInteger, nullable=False, index=True),
)

users = Table(
    "users",
    metadata,
    # A random UUID: the `sub` of this person's tokens. Never given out twice.
    Column("id", Text, primary_key=True),
    # Canonical address.
    Column("email", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("last_login_at", Instant),
    # Id of the identity provider of the last login.
    Column("last_idp", Words, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    # The `identity_nonce` of this login's tokens; no credential by itself.
    Column("nonce", Words, primary_key=True),
    Column("subject", Words, nullable=False, index=True),
    Column("email", Words, nullable=False, index=True),
    # What the identity provider said (`core.identity.Identity`).
    Column("identity", Document, nullable=False),
    # The document `get-identity` shows.
    Column("identity_json", Document, nullable=False),
    Column("ip", Words, nullable=False),
    Column("country", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    # End of the team session; the row is dropped a week later.
    Column("expires_at", Instant, nullable=False, index=True),
    # Logged out or revoked.
    Column("ended_at", Instant),
    Column("last_seen_at", Instant),
)

one_time = Table(
    "one_time",
    metadata,
    # Hashed: kind and value together.
    Column("digest", LargeBinary, primary_key=True),
    # The value is refused by its own expiry from then on; the row is dropped.
    Column("expires_at", Instant, nullable=False, index=True),
)

pins = Table(
    "pins",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    # Hashed: the login transaction, a value of one browser. Only its newest row counts.
    Column("transaction", LargeBinary, nullable=False, index=True),
    # Canonical address the code was sent to.
    Column("email", Words, nullable=False),
    # The caller's keyed hash of the code.
    Column("code_hash", LargeBinary, nullable=False),
    # Wrong attempts so far.
    Column("tries", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    # The code is refused from then on; the row stays one hour for the count of its address.
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_pins_email", "email", "created_at"),
)

approvals = Table(
    "approvals",
    metadata,
    # Random; part of the link approvers get, useless without being one of them.
    Column("id", Words, primary_key=True),
    Column("subject", Words, nullable=False, index=True),
    Column("email", Words, nullable=False),
    Column("app", Words, nullable=False),
    Column("policy", Words, nullable=False),
    # Why access is asked for, in the person's words.
    Column("purpose", Words, nullable=False),
    # `[{needed, emails}]`.
    Column("groups", Document, nullable=False),
    # `[{approver, at, seconds}]`.
    Column("votes", Document, nullable=False),
    Column("requested_at", Instant, nullable=False),
    # When the request lapses; the row is dropped a day after that and after the grant's end.
    Column("expires_at", Instant, nullable=False),
    Column("granted_until", Instant),
)

purposes = Table(
    "purposes",
    metadata,
    # Goes with its session.
    Column("session", Words, primary_key=True),
    Column("app", Words, primary_key=True),
    Column("text", Words, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

token_uses = Table(
    "token_uses",
    metadata,
    # A service token's id; the row goes when the token is gone.
    Column("token", Words, primary_key=True),
    # To the minute: decision servers write now and then, not with each request.
    Column("last_used_at", Instant, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    # Kept as long as the operator says (`AuditLog.prune`).
    Column("at", Instant, nullable=False, index=True),
    Column("action", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("actor_kind", Words, nullable=False),
    Column("email", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("app", Words, nullable=False),
    Column("policy", Words, nullable=False),
    Column("allowed", Boolean),
    Column("reason", Words, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("session", Words, nullable=False),
    Column("ip", Words, nullable=False),
    Column("country", Words, nullable=False),
    # `kind/id` of an administrative change, and the revision it made.
    Column("target", Words, nullable=False),
    Column("revision", BigInteger),
    # Secrets are taken out before anything gets here.
    Column("details", Document, nullable=False),
)

transfers = Table(
    "transfers",
    metadata,
    # Hashed: the public key that the content is sealed to, and that its receiver asks with.
    Column("receiver", LargeBinary, primary_key=True),
    Column("sender", Words, nullable=False),
    # Sealed by the sender to the receiver, base64.
    Column("content", Words, nullable=False),
    # The row is dropped.
    Column("expires_at", Instant, nullable=False, index=True),
)

visits = Table(
    "visits",
    metadata,
    # Hashed: what is counted, and of whom.
    Column("who", LargeBinary, primary_key=True),
    # Number of the span of time since 1970, as long as the limit's.
    Column("span", BigInteger, primary_key=True),
    Column("count", Integer, nullable=False),
    # The end of the span after it; the row is dropped.
    Column("expires_at", Instant, nullable=False, index=True),
)

issuers = Table(
    "issuers",
    metadata,
    # An identity provider's id; the row goes when the provider is gone.
    Column("idp", Words, primary_key=True),
    # Hashed: the settings it was first used with. Others begin anew.
    Column("settings", Text, nullable=False),
    Column("issuer", Words, nullable=False),
)

results = Table(
    "results",
    metadata,
    # Random; whoever may ask for it knows it.
    Column("id", Text, primary_key=True),
    Column("content", Document, nullable=False),
    # The row is dropped.
    Column("expires_at", Instant, nullable=False, index=True),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    # Hashed: the token, which has full entropy.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    # Whose it is; empty for nobody's.
    Column("email", Words, nullable=False),
    # The names of what it may do.
    Column("scopes", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Refused from then on; the row stays until an administrator removes it.
    Column("expires_at", Instant),
    # To the minute.
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

oauth_clients = Table(
    "oauth_clients",
    metadata,
    # Random; public knowledge.
    Column("id", Text, primary_key=True),
    # Hashed: the client secret. Null for public clients.
    Column("secret_hash", LargeBinary),
    # What the client registered (RFC 7591), as it is told back.
    Column("metadata", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Soon while it was never used, later after each use; the row is dropped.
    Column("expires_at", Instant, nullable=False, index=True),
    Column("last_used_at", Instant),
)

oauth_grants = Table(
    "oauth_grants",
    metadata,
    # Random; part of refresh tokens, which a keyed hash protects. No token is kept.
    Column("id", Text, primary_key=True),
    # `managed` or `saas`.
    Column("kind", Text, nullable=False),
    # A registered client, the URL of a client metadata document, or a SaaS application's client.
    Column("client", Words, nullable=False, index=True),
    Column("app", Words, nullable=False, index=True),
    Column("subject", Words, nullable=False, index=True),
    Column("email", Words, nullable=False),
    # The login it goes back to, whose row is kept as long as this one.
    Column("session", Words, nullable=False, index=True),
    Column("resource", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Fixed; the row is dropped a day later.
    Column("expires_at", Instant, nullable=False, index=True),
    # Which refresh token is the good one, and since when.
    Column("generation", Integer, nullable=False),
    Column("rotated_at", Instant),
    Column("revoked_at", Instant),
    # What else its kind needs.
    Column("details", Document, nullable=False),
)

oauth_codes = Table(
    "oauth_codes",
    metadata,
    # Hashed: the code.
    Column("digest", LargeBinary, primary_key=True),
    # The grant it will become.
    Column("grant", Document, nullable=False),
    # What the redemption must repeat; empty when it was not sent.
    Column("redirect_uri", Words, nullable=False),
    # S256 challenge, empty for none.
    Column("challenge", Words, nullable=False),
    # The row stays a day longer, so that a replay is recognised.
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)

oauth_consents = Table(
    "oauth_consents",
    metadata,
    Column("subject", Words, primary_key=True),
    Column("client", Words, primary_key=True),
    Column("app", Words, primary_key=True),
    Column("redirect_host", Words, primary_key=True),
    Column("given_at", Instant, nullable=False),
    # The end of the grant it was given for; the row is dropped.
    Column("expires_at", Instant, nullable=False, index=True),
)

oauth_devices = Table(
    "oauth_devices",
    metadata,
    # Hashed: the device code.
    Column("device", LargeBinary, primary_key=True),
    # Hashed: the user code.
    Column("user", LargeBinary, nullable=False, unique=True),
    Column("client", Words, nullable=False),
    Column("app", Words, nullable=False),
    Column("resource", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    # The row is dropped an hour later.
    Column("expires_at", Instant, nullable=False, index=True),
    # Seconds between two polls; grows with impatience.
    Column("interval", Integer, nullable=False),
    Column("polled_at", Instant),
    # `waiting`, `allowed`, `refused` or `used`.
    Column("state", Text, nullable=False),
    # What the person allowed; JSON null before.
    Column("grant", Document, nullable=False),
)
