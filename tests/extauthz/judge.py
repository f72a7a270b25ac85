"""A gate with rules a test can read, to try the adapter and Envoy without policies."""

import time
from dataclasses import dataclass, field

from lychgate.answer import Answer
from lychgate.core.decision import Because, Reason
from lychgate.core.request import Request
from lychgate.core.urls import ASSERTION, OWNED_HEADERS
from lychgate.gate import Forward, Outcome

ALLOWED = Because(Reason.ALLOWED)
REFUSED = Because(Reason.NO_SESSION)


@dataclass(slots=True)
class ByPath:
    """Decides by the first segment of the path; `seen` keeps what it was asked, in order.

    `/login` is refused with a redirect and two cookies, `/raise` raises, `/sleep` takes five
    seconds and `/pause` a third of one, `/document` is answered with 200, `/escape` is forwarded
    with another spelling; everything else goes on as alice.
    """

    seen: list[Request] = field(default_factory=list)

    def check(self, request: Request, /) -> Outcome:
        """The outcome for one request."""
        self.seen.append(request)
        match request.path.split("/")[1]:
            case "login" | "admin":
                return _login()
            case "raise":
                raise RuntimeError("as asked")
            case "sleep":
                time.sleep(5)
            case "pause":
                time.sleep(0.3)
            case "document":
                return Answer(REFUSED, 200, (("content-type", "application/json"),), b"{}")
        if request.method == "TRACE":
            return Answer(Because(Reason.METHOD_NOT_ALLOWED), 405, (), b"")
        if request.header("cookie") == "anonymous":
            return _login()
        target = request.path if request.query is None else f"{request.path}?{request.query}"
        return Forward(
            because=ALLOWED,
            path=target.replace("%e9", "%E9"),
            set_headers=((ASSERTION, f"for {request.header('cookie') or 'alice'}"),),
            remove_headers=tuple(sorted(OWNED_HEADERS - {ASSERTION})),
            response_cookies=("CF_Authorization=ours; Path=/", "second=2"),
        )


def _login() -> Answer:
    headers = (
        ("location", "https://team.example/cdn-cgi/access/login"),
        ("set-cookie", "CF_AppSession=new; Path=/"),
        ("set-cookie", "other=1"),
        ("cache-control", "no-store"),
    )
    return Answer(REFUSED, 302, headers, b"go there")
