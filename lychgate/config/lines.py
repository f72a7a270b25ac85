"""Where in the file something is that was found, and in which order findings are told."""

from collections.abc import Iterable
from dataclasses import dataclass

from lychgate.config.items import Finding
from lychgate.config.yamlfile import Path, Place
from lychgate.errors import Problem


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one file."""

    name: str
    place: Place

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """Something wrong at a path."""
        return Problem(f"{self.name}:{self.place.line_of(path)}", message, hint)

    def at(self, finding: Finding) -> Problem:
        """A finding with its line."""
        return self.problem(finding.path, finding.message, finding.hint)

    @staticmethod
    def ordered(problems: Iterable[Problem]) -> list[Problem]:
        """Each problem once, from the top of the file to its end."""

        def line(problem: Problem) -> int:
            return int(problem.where.rpartition(":")[2])

        return sorted(dict.fromkeys(problems), key=line)
