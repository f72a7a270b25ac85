"""What answers one call, together with what the OpenAPI document says of it."""

from collections.abc import Callable
from dataclasses import dataclass

from lychgate.admin.answers import Answer
from lychgate.admin.calls import Call, Office
from lychgate.admin.shapes.shown import Asks, Gives, Takes

type Answering = Callable[[Call, Office], Answer]


@dataclass(frozen=True, slots=True)
class Handler:
    """A call that is answered, and how it is described."""

    answer: Answering
    name: str
    """What the call is named in the document."""
    says: str
    """What it does, in one sentence."""
    gives: Gives
    takes: Takes | None = None
    asks: tuple[Asks, ...] = ()

    def __call__(self, call: Call, office: Office) -> Answer:
        """Answer the call."""
        return self.answer(call, office)


def handler(
    name: str, gives: Gives, takes: Takes | None = None, asks: tuple[Asks, ...] = ()
) -> Callable[[Answering], Handler]:
    """Describe a function that answers a call; what it does is the first line of its docstring."""

    def describe(answer: Answering) -> Handler:
        says = (answer.__doc__ or "").strip().partition("\n")[0]
        return Handler(answer, name, says, gives, takes, asks)

    return describe
