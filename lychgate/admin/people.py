"""People: who logged in, with what sessions, and what went wrong."""

from datetime import datetime, timedelta
from typing import Any

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.handler import handler
from lychgate.admin.refusals import Refused, conflict, invalid, not_found
from lychgate.admin.shapes.objects import Nothing
from lychgate.admin.shapes.people import (
    USER_FILTERS,
    ActiveSession,
    FailedLogin,
    IdentityOfSession,
    SessionIdentity,
    UserShown,
)
from lychgate.admin.shapes.shown import Takes, every, one, page
from lychgate.admin.validating import validated
from lychgate.api.base import Name, Text, Wire
from lychgate.core.urls import canonical_email
from lychgate.store.base import AuditFilter, Conflict, Session, User, UserFilter

_FAILED_KEPT = timedelta(days=30)
_MOST_FAILED = 100


class UserBody(Wire):
    """A person."""

    email: Name
    name: Text = ""


class UserChangeBody(Wire):
    """What may change of a person."""

    email: Name | None = None
    name: Text | None = None


def show_user(user: User) -> dict[str, Any]:
    """A person as they are shown."""
    last = user.last_login_at
    return {
        "id": user.id,
        "uid": user.id,
        "email": user.email,
        "name": user.name,
        "access_seat": last is not None,
        "gateway_seat": False,
        "seat_uid": user.id,
        "active_device_count": 0,
        **({} if last is None else {"last_successful_login": shown_time(last)}),
        "created_at": shown_time(user.created_at),
        "updated_at": shown_time(user.updated_at),
    }


@handler("list_users", page(UserShown), asks=USER_FILTERS)
def list_users(call: Call, office: Office) -> Answer:
    """List the people who logged in or were created, oldest first."""
    some, query = call.paging, call.query
    asked = UserFilter(query.get("email", ""), query.get("name", ""), query.get("search", ""))
    found = office.store.users.page(asked, some.per_page, some.offset)
    return listed([show_user(user) for user in found.items], some, found.total)


@handler("get_user", one(UserShown))
def get_user(call: Call, office: Office) -> Answer:
    """Get one user."""
    return done(show_user(_existing(call, office)))


@handler("create_user", one(UserShown, status=201), Takes((UserBody,)))
def create_user(call: Call, office: Office) -> Answer:
    """Create somebody who has not logged in yet."""
    sent = validated(UserBody, call.members)
    email, now = _address(sent.email), office.clock()
    if office.store.users.by_email(email) is not None:
        raise _taken(email)
    user = office.store.users.find_or_create(email, sent.name, now)
    if user.created_at != now:
        raise _taken(email)
    office.note(call, "create_user", email=email, details={"after": _noted(user)})
    return done(show_user(user), 201)


@handler("update_user", one(UserShown), Takes((UserChangeBody,)))
def update_user(call: Call, office: Office) -> Answer:
    """Update address and name of a user; another address ends their sessions."""
    user, sent = _existing(call, office), validated(UserChangeBody, call.members)
    email = user.email if sent.email is None else _address(sent.email)
    name = user.name if sent.name is None else sent.name
    if email != user.email:
        if office.store.users.by_email(email) is not None:
            raise _taken(email)
        # First, so that whatever happens in between leaves no session under an old address.
        office.store.revocations.revoke_user(user.id, office.clock())
    try:
        changed = office.store.users.update(user.id, email, name, office.clock())
    except Conflict:
        raise _taken(email) from None
    if changed is None:
        raise not_found()
    details = {"before": _noted(user), "after": _noted(changed)}
    office.note(call, "update_user", email=email, details=details)
    return done(show_user(changed))


@handler("delete_user", one(Nothing))
def delete_user(call: Call, office: Office) -> Answer:
    """Delete a user, with their sessions."""
    user = _existing(call, office)
    if not office.store.users.delete(user.id, office.clock()):
        raise not_found()
    office.note(call, "delete_user", email=user.email, details={"before": _noted(user)})
    return done({})


def _taken(email: str) -> Refused:
    return conflict(f"there is a user `{email}` already")


def _noted(user: User) -> dict[str, str]:
    """What the audit log says of a person."""
    return {"id": user.id, "email": user.email, "name": user.name}


@handler("list_active_sessions", every(ActiveSession))
def active_sessions(call: Call, office: Office) -> Answer:
    """List the logins of a user that are still good."""
    user = _existing(call, office)
    return done([_session(one, office) for one in office.store.sessions.by_email(user.email)])


@handler("get_active_session", one(SessionIdentity))
def active_session(call: Call, office: Office) -> Answer:
    """Get one login of a user by its nonce: who it is."""
    user = _existing(call, office)
    found = office.store.sessions.get(call.arguments["nonce"])
    if found is None or found.subject != user.id:
        raise not_found()
    return done({**_identity(found, office), "isActive": True})


@handler("get_last_seen_identity", one(IdentityOfSession))
def last_seen_identity(call: Call, office: Office) -> Answer:
    """Get what the newest login of a user says of them."""
    session = office.store.sessions.newest(_existing(call, office).id)
    if session is None:
        raise not_found()
    return done(_identity(session, office))


@handler("list_failed_logins", every(FailedLogin))
def failed_logins(call: Call, office: Office) -> Answer:
    """List the last times a user was not let in."""
    user = _existing(call, office)
    asked = AuditFilter(email=user.email, allowed=False, limit=_MOST_FAILED)
    return done(
        [
            {
                "expiration": _epoch(event.at + _FAILED_KEPT),
                "metadata": {
                    "action": event.action,
                    "reason": event.reason,
                    "app_uid": event.app,
                    "ip": event.ip,
                    "country": event.country,
                    "at": shown_time(event.at),
                    "ray_id": event.request_id,
                },
            }
            for event in office.store.audit.query(asked)
        ]
    )


def _existing(call: Call, office: Office) -> User:
    user = office.store.users.get(call.id)
    if user is None:
        raise not_found()
    return user


def _address(text: str) -> str:
    address = canonical_email(text.strip())
    if address is None:
        raise invalid("email must be an address")
    return address


def _session(session: Session, office: Office) -> dict[str, Any]:
    apps = office.snapshot().apps
    asked = AuditFilter(email=session.email, allowed=True, actions=("login",), limit=100)
    used = {e.app for e in office.store.audit.query(asked) if e.session == session.nonce}
    shown = {
        str(apps[id].app.audience): {
            "hostname": apps[id].app.domain,
            "name": apps[id].app.name,
            "type": apps[id].app.type.value,
            "uid": id,
        }
        for id in apps
        if id in used
    }
    return {
        "name": session.nonce,
        "expiration": _epoch(session.expires_at),
        "metadata": {
            "apps": shown,
            "expires": _epoch(session.expires_at),
            "iat": _epoch(session.created_at),
            "nonce": session.nonce,
            "ttl": _epoch(session.expires_at) - _epoch(session.created_at),
        },
    }


def _identity(session: Session, office: Office) -> dict[str, Any]:
    document = dict(session.identity_json)
    return {
        "account_id": office.snapshot().organization.account_id,
        "auth_status": "NONE",
        "common_name": "",
        "device_id": "",
        "device_sessions": {},
        "devicePosture": {},
        "email": session.email,
        "geo": {"country": session.country},
        "iat": _epoch(session.created_at),
        "idp": {"id": session.identity.idp_id, "type": session.identity.idp_type},
        "ip": session.ip,
        "is_gateway": False,
        "is_warp": False,
        "mtls_auth": {
            "auth_status": "NONE",
            "cert_issuer_dn": "",
            "cert_issuer_ski": "",
            "cert_presented": False,
            "cert_serial": "",
        },
        "service_token_id": "",
        "service_token_status": False,
        "user_uuid": session.subject,
        "version": 2,
        **document,
    }


def _epoch(at: datetime) -> int:
    return int(at.timestamp())
