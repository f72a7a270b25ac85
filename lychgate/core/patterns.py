"""Which host and path patterns cover a request, and which of two is the more specific."""

from dataclasses import dataclass

from lychgate.core.urls import normalise


def glob(pattern: str, text: str) -> bool:
    """Whether the text is the pattern with each star replaced by any characters, slashes too.

    Linear in the text for each star: after a star the earliest place that fits is enough.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first):
        return False
    position = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(text) - position >= len(rest[-1]) and text.endswith(rest[-1])


def intersects(one: str, other: str) -> bool:
    """Whether some text fits both patterns; one row of a table at a time, so long ones are fine."""
    row = [True]
    for char in other:
        row.append(row[-1] and char == "*")
    for mine in one:
        above, row = row, [row[0] and mine == "*"]
        for j, char in enumerate(other):
            if "*" in (mine, char):
                row.append(above[j + 1] or row[j])
            else:
                row.append(above[j] and mine == char)
    return row[-1]


def spelled(pattern: str) -> str:
    """A path pattern with its escapes as normalised paths have them."""
    target = normalise(pattern, encoded_slash=True)
    return pattern if target is None else target.path


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A destination's path: a prefix on a segment boundary, or one with stars."""

    text: str

    @classmethod
    def of(cls, path: str) -> "PathPattern":
        """The pattern in the one spelling paths have; no trailing slash, and `/*` is `/`."""
        path = spelled(path or "/")
        return cls("/" if path in ("/", "/*") else path.rstrip("/"))

    def covers(self, path: str) -> bool:
        """Whether the path is the pattern or below it."""
        text = self.text
        if text == "/":
            return True
        if "*" not in text:
            return path.startswith(text) and (len(path) == len(text) or path[len(text)] == "/")
        return glob(text, path) or glob(text + "/*", path)

    @property
    def rank(self) -> tuple[int, tuple[int, ...]]:
        """Sorts the more specific first: more literal characters, then literal before star."""
        stars = tuple(int("*" in segment) for segment in self.text.split("/"))
        return (self.text.count("*") - len(self.text), stars)

    @property
    def literal_prefix(self) -> str:
        """The part before the first star, cut at a slash: the Path of a cookie."""
        head, star, _ = self.text.partition("*")
        return head[: head.rindex("/") + 1] if star else head

    def overlaps(self, other: "PathPattern") -> bool:
        """Whether some path fits both."""
        if "*" not in self.text and "*" not in other.text:
            return self.covers(other.text) or other.covers(self.text)
        return any(
            intersects(one, two)
            for one in (self.text, self.text.rstrip("/") + "/*")
            for two in (other.text, other.text.rstrip("/") + "/*")
        )


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A destination's host: literal, or with one star in a label."""

    text: str

    @property
    def literal(self) -> bool:
        """Whether it holds no star."""
        return "*" not in self.text

    @property
    def suffix(self) -> str:
        """The literal labels behind the last star: what an index can look it up by."""
        return self.text[self.text.rindex("*") :].partition(".")[2]

    def covers(self, host: str) -> bool:
        """Whether the host fits, label by label; a label that is only a star needs a character."""
        wanted, labels = self.text.split("."), host.split(".")
        return len(wanted) == len(labels) and all(
            bool(label) if want == "*" else glob(want, label)
            for want, label in zip(wanted, labels, strict=True)
        )

    @property
    def rank(self) -> int:
        """Sorts the longer literal part first."""
        return self.text.count("*") - len(self.text)

    def overlaps(self, other: "HostPattern") -> bool:
        """Whether some host fits both."""
        mine, theirs = self.text.split("."), other.text.split(".")
        return len(mine) == len(theirs) and all(
            intersects(one, two) for one, two in zip(mine, theirs, strict=True)
        )
