"""Which SaaS application an address belongs to, its grants, and who may have tokens of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lychgate.core.admit import Refused, evaluations_needed
from lychgate.core.decision import Reason
from lychgate.core.model import Application, SaasClient
from lychgate.core.request import ClientCertificate, address
from lychgate.core.selectors import Evaluation, Evidence, Login
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.oauth.admission import Judged, judge
from lychgate.oauth.grants import Grants, Judge, Terms
from lychgate.oauth.saas_tokens import terms
from lychgate.store.base import Session
from lychgate.store.oauthbase import GrantKind
from lychgate.web.errors import NotFound
from lychgate.web.evaluation import ask_all
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance
from lychgate.web.services import Services


@dataclass(frozen=True, slots=True)
class Provider:
    """One SaaS application as the OpenID provider that it sees in us."""

    snapshot: Snapshot
    app: CompiledApp
    client: SaasClient


def provider_of(request: WebRequest, services: Services) -> Provider:
    """The application whose client id is in the path, in the newest configuration."""
    snapshot = services.newest()
    for app in snapshot.apps.values():
        client = app.app.saas
        if client is not None and client.client_id == request.argument:
            return Provider(snapshot, app, client)
    raise NotFound("no application has this client id")


def saas_grants(
    services: Services, lasting: Callable[[Application], Terms | None] = terms
) -> Grants:
    """The grants of SaaS applications, on the usual terms or others."""
    return Grants(
        kind=GrantKind.SAAS,
        store=services.store,
        clock=services.clock,
        newest=services.newest,
        booked=services.booked,
        moment_after=services.moment_after,
        token=services.token,
        random=services.random,
        terms=lasting,
    )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where the person was at sign-on. A token request comes from the application's own server,
    so that rules about the request hold what the person's browser showed."""

    ip: str
    country: str | None = None
    certificate: str | None = None

    def pack(self) -> Mapping[str, Any]:
        """As JSON, for the grant."""
        return {"ip": self.ip, "country": self.country, "certificate": self.certificate}

    @staticmethod
    def unpack(details: Mapping[str, Any]) -> "Circumstances":
        """From JSON that `pack` made."""
        return Circumstances(details["ip"], details["country"], details["certificate"])

    @staticmethod
    def of(request: WebRequest, entrance: Entrance) -> "Circumstances":
        """Those of a request of the person's own browser."""
        ip = str(request.client_ip or "")
        return Circumstances(ip, request.country, entrance.visit.certificate)


def judge_in(
    services: Services,
    where: Circumstances,
    said: Mapping[Evaluation, bool] | None = None,
) -> Judge:
    """Judges a person by the policies as they are now. Nothing outlives the team session.

    `said` is what outside services said at this very sign-on; without it they are asked.
    """

    def judged(app: CompiledApp, session: Session) -> Judged:
        now = services.clock()
        if session.expires_at <= now:
            return Judged(Refused(Reason.TOKEN_EXPIRED, None))
        found = judge(services.store, app, evidence(app, session), session, now)
        return Judged(found.admission, _earlier(found.ends, session.expires_at))

    def evidence(app: CompiledApp, session: Session) -> Evidence:
        needed = evaluations_needed(app)
        answers = said
        if answers is None:
            answers = ask_all(services, services.current(), needed, session) if needed else {}
        name = where.certificate
        return Evidence(
            ip=address(where.ip) if where.ip else None,
            country=where.country,
            certificate=None if name is None else ClientCertificate(name, valid=True),
            login=Login.KNOWN,
            identity=session.identity,
            evaluations=answers,
        )

    return judged


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
