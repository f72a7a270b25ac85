"""What can go wrong, as one tree: every error has a stable code, a message and perhaps a hint."""

from collections.abc import Iterable
from dataclasses import dataclass


class LychgateError(Exception):
    """The root of every error this project raises on purpose.

    `code` is stable and documented; `message` is for people and may change; `hint` says what to
    do next. None of them ever holds a secret.
    """

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a configuration.

    `where` names the place, parts joined by `/`: an object as `kind/id`
    (`applications/<id>/policies/0/include/1`), or `file:line` once it is known.
    """

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f" ({self.hint})" if self.hint else "")


class InvalidConfiguration(LychgateError):
    """A configuration that does not compile; it names every problem at once."""

    code = "invalid_configuration"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnreadableFile(LychgateError):
    """A file that is missing, too large, or not to be read."""

    code = "unreadable_file"
