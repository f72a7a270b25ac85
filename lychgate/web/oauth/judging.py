"""The grants of managed OAuth, and who may have tokens, from the request at hand."""

from lychgate.core.admit import evaluations_needed
from lychgate.core.selectors import Evidence, Login
from lychgate.core.snapshot import CompiledApp
from lychgate.oauth.admission import Judged, judge
from lychgate.oauth.grants import Grants, Judge
from lychgate.oauth.managed import managed_terms
from lychgate.store.base import Session
from lychgate.store.oauthbase import GrantKind
from lychgate.web.evaluation import ask_all
from lychgate.web.request import WebRequest
from lychgate.web.services import Services


def managed(services: Services) -> Grants:
    """The grants of managed OAuth."""
    return Grants(
        kind=GrantKind.MANAGED,
        store=services.store,
        clock=services.clock,
        newest=services.newest,
        booked=services.booked,
        moment_after=services.moment_after,
        token=services.token,
        random=services.random,
        terms=managed_terms,
    )


def judge_of(request: WebRequest, services: Services) -> Judge:
    """Judges the stored identity by the policies, with the facts of this very request."""

    def judged(app: CompiledApp, session: Session) -> Judged:
        needed = evaluations_needed(app)
        said = ask_all(services, services.current(), needed, session) if needed else {}
        evidence = Evidence(
            ip=request.client_ip,
            country=request.country,
            certificate=request.certificate,
            login=Login.KNOWN,
            identity=session.identity,
            evaluations=said,
        )
        return judge(services.store, app, evidence, session, services.clock())

    return judged
