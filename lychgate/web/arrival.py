"""A person arrives from a login method: their record, their session, their team cookie."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lychgate.core.decision import SetCookie
from lychgate.core.identity import Identity
from lychgate.core.model import IdentityProvider
from lychgate.core.session import org_claims
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import sign
from lychgate.core.urls import AUTH_COOKIE
from lychgate.idp.base import Profile
from lychgate.store.base import Session
from lychgate.web.door import enter
from lychgate.web.people import team_session
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Visit
from lychgate.web.services import Services


def arrive(
    request: WebRequest,
    services: Services,
    visit: Visit,
    idp: IdentityProvider,
    profile: Profile,
) -> Reply:
    """Start the session of somebody who just logged in, and take them on.

    The session this browser had before ends, whoever's it was.
    """
    snapshot = services.newest()
    before = team_session(request, services, snapshot)
    services.metrics.logged_in(idp.type, "ok")
    session, cookie = _begin_session(request, services, idp, profile)
    if before is not None:
        services.store.revocations.revoke_session(before.nonce, services.clock())
    entrance = Entrance(visit, session.nonce, fresh=True)
    return enter(request, services, entrance, session).adding(cookie)


def _begin_session(
    request: WebRequest, services: Services, idp: IdentityProvider, profile: Profile
) -> tuple[Session, SetCookie]:
    store = services.store
    user = store.users.find_or_create(profile.email, profile.name, services.clock())
    nonce = services.token()
    snapshot = services.newest()
    now = services.moment_after(snapshot.revocations.newest(user.id, nonce, None))
    identity = Identity(
        subject=user.id,
        email=profile.email,
        name=profile.name,
        idp_id=idp.id,
        idp_type=idp.type,
        idp_subject=profile.subject,
        auth_time=now,
        groups=profile.groups,
        amr=profile.amr,
        claims=profile.claims,
    )
    life = snapshot.organization.session_duration
    session = Session(
        nonce=nonce,
        subject=user.id,
        email=profile.email,
        identity=identity,
        ip=str(request.client_ip or ""),
        country=request.country or "",
        created_at=now,
        expires_at=now + life,
    )
    session = replace(session, identity_json=identity_record(request, snapshot, session))
    store.sessions.create(session)
    store.users.record_login(user.id, idp.type, now)
    claims = org_claims(snapshot.team, snapshot.organization, identity, nonce, now)
    token = sign(claims, snapshot.keyring.current(now))
    cookie = SetCookie(AUTH_COOKIE, token, max_age=int(life.total_seconds()))
    return session, cookie


def identity_record(request: WebRequest, snapshot: Snapshot, session: Session) -> Mapping[str, Any]:
    """The identity as `get-identity` shows it and external evaluation receives it."""
    identity, certificate = session.identity, request.certificate
    presented = certificate is not None
    status = "NONE" if certificate is None else "SUCCESS" if certificate.valid else "FAILED"
    return {
        "id": identity.idp_subject,
        "name": identity.name,
        "email": identity.email,
        "amr": list(identity.amr),
        "oidc_fields": dict(identity.claims),
        "groups": list(identity.groups or ()),
        "idp": {"id": identity.idp_id, "type": identity.idp_type},
        "geo": {"country": session.country},
        "user_uuid": session.subject,
        "account_id": snapshot.organization.account_id,
        "iat": int(session.created_at.timestamp()),
        "ip": session.ip,
        "auth_status": status,
        "common_name": certificate.common_name if certificate else "",
        "service_token_id": "",
        "service_token_status": False,
        "is_warp": False,
        "is_gateway": False,
        "gateway_account_id": "",
        "device_id": "",
        "devicePosture": {},
        "device_sessions": {},
        "mtls_auth": {
            "cert_presented": presented,
            "auth_status": status,
            "cert_serial": certificate.serial if certificate else "",
            "cert_issuer_dn": certificate.issuer_dn if certificate else "",
            "cert_issuer_ski": certificate.issuer_ski if certificate else "",
            "common_name": certificate.common_name if certificate else "",
        },
        "version": 2,
    }
