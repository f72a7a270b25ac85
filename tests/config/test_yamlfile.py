"""YAML becomes plain values with lines; what could surprise is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychgate.config.yamlfile import read_yaml


def problems(text: bytes) -> list[str]:
    return [str(problem) for problem in read_yaml(text, "f").problems]


def test_plain_scalars_are_what_they_look_like() -> None:
    text = (
        b"a: NO\nb: yes\nc: true\nd: 010\ne: 1.5\nf: 2026-01-01\ng: ~\nh: '5'\ni: 1:30\nj: .nan\n"
    )
    assert read_yaml(text, "f").value == {
        "a": "NO",
        "b": "yes",
        "c": True,
        "d": 10,
        "e": 1.5,
        "f": "2026-01-01",
        "g": None,
        "h": "5",
        "i": "1:30",
        "j": ".nan",
    }


def test_lines() -> None:
    text = b"a: 1\nb:\n  - x: 1\n    y: [1,\n      2]\n  - z\nc:\n  d: e\n"
    place = read_yaml(text, "f").place
    assert place.line_of(("a",)) == 1
    assert place.line_of(("b",)) == 2
    assert place.line_of(("b", 0)) == 3
    assert place.line_of(("b", 0, "y")) == 4
    assert place.line_of(("b", 0, "y", 1)) == 5
    assert place.line_of(("b", 1)) == 6
    assert place.line_of(("b", 0, "missing", "deeper")) == 3


def test_aliases_are_the_same_value() -> None:
    assert read_yaml(b"a: &x {b: 1}\nc: *x\n", "f").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: 1\nb: 2\na: 3\n", "f:3: the key `a` is there twice"),
        (b"a: !!python/object/apply:os.system [x]", "f:1: tags such as"),
        (b"a: !!int '5'", "f:1: tags such as"),
        (b"a: 1\n---\nb: 2\n", "f:2: the file must hold one document only"),
        (b"a: 1\n\xff\xfe", "f:2: the file is not UTF-8 text"),
        (b"a: 1\nb: [", "f:3: not valid YAML"),
        (b"a: 1\nb: \x00", "f:1: not valid YAML"),
        (b"a: &x [*x]", "f:1: an alias names nothing that is complete above it"),
        (b"? [a]\n: b", "f:1: a key must be text"),
        (b"[" * 100_000, "f:1: the file is nested too deeply"),
        (b"{a: " * 100_000, "f:1: the file is nested too deeply"),
    ],
)
def test_a07_what_is_refused(text: bytes, expected: str) -> None:
    assert [line[: len(expected)] for line in problems(text)] == [expected]


def test_a07_aliases_cannot_multiply() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        refs = ", ".join(f"*a{level - 1}" for _ in range(10))
        lines.append(f"a{level}: &a{level} [{refs}]")
    assert problems("\n".join(lines).encode()) == ["f:5: aliases repeat too much"]


def test_a_repeated_key_keeps_the_first_value() -> None:
    assert read_yaml(b"a: 1\na: 2\n", "f").value == {"a": 1}


@given(
    st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#?,%@` \n\t~1", max_size=80).map(str.encode)
)
def test_a07_any_bytes_are_answered(content: bytes) -> None:
    document = read_yaml(content, "f")
    assert all(problem.where.startswith("f:") and problem.message for problem in document.problems)
