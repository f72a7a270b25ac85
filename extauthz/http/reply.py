"""The reply of the check: an HTTP answer, and how the gate's own answers become one."""

from extauthz.asking import Untranslatable, must_fit
from lychgate.answer import Answer
from lychgate.core.decision import HeaderList
from lychgate.core.values import momentary

VERDICT = "x-lychgate-verdict"
"""`forward` in a reply that lets a request pass, for proxies that can look at it."""
_WITHOUT_BODY = frozenset({204, 304})
_PLAIN = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))


@momentary
class Reply:
    """An HTTP answer to the proxy."""

    status: int
    headers: HeaderList = ()
    body: bytes = b""

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The headers as bytes; raises Untranslatable for a value that would end its line."""
        for name, value in self.headers:
            must_fit(name, value)
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]


def plain(status: int, text: str = "") -> Reply:
    """A reply without a page, for what no outcome speaks of."""
    return Reply(status, _PLAIN, f"{text}\n".encode() if text else b"")


def of(answer: Answer) -> Reply:
    """The gate's own answer, complete."""
    if not 200 <= answer.status <= 599:
        raise Untranslatable(f"`{answer.status}` is not the status of an answer")
    body = b"" if answer.status in _WITHOUT_BODY else answer.body
    return Reply(answer.status, answer.headers, body)


def as_it_is(refusal: Reply) -> Reply:
    """For proxies that pass on whatever lets nothing through."""
    return refusal


def marked(refusal: Reply) -> Reply:
    """For HAProxy, whose own errors look like an answer to the script that asks."""
    return Reply(refusal.status, (*refusal.headers, (VERDICT, "answer")), refusal.body)


def for_envoy(refusal: Reply) -> Reply:
    """For Envoy, to which 200 says yes: its configuration makes 203 a 200 again."""
    return Reply(203, refusal.headers, refusal.body) if refusal.status == 200 else refusal


def in_a_word(refusal: Reply) -> Reply:
    """For nginx, which passes nothing on: it asks a second time for the answer itself."""
    return plain(403)


def no_success(refusal: Reply) -> Reply:
    """For proxies that take any success for a yes, whatever it says."""
    return plain(403) if refusal.status < 300 else refusal
