"""One request at one application: everything the later steps of a decision look at."""

from datetime import datetime

from lychgate.core.credentials import Reader
from lychgate.core.decision import Because, Reason
from lychgate.core.forward import Onward
from lychgate.core.identity import ANONYMOUS, Principal
from lychgate.core.model import Application
from lychgate.core.policy import CompiledPolicy
from lychgate.core.request import Request
from lychgate.core.snapshot import CompiledApp, Route, Snapshot
from lychgate.core.urls import Target
from lychgate.core.values import momentary


@momentary
class Case:
    """A well-formed request, the application that owns it, and the ways to read and forward it."""

    request: Request
    host: str
    target: Target
    route: Route
    snapshot: Snapshot
    now: datetime
    cookies: list[tuple[str, str]]
    reader: Reader
    onward: Onward

    @property
    def compiled(self) -> CompiledApp:
        """The application with its policies."""
        return self.route.app

    @property
    def app(self) -> Application:
        """The application as administrators edit it."""
        return self.route.app.app

    def because(
        self,
        reason: Reason,
        policy: CompiledPolicy | None = None,
        principal: Principal = ANONYMOUS,
        detail: str = "",
    ) -> Because:
        """The grounds of a decision at this application."""
        return Because(reason, self.app.id, policy.id if policy else None, principal, detail)
