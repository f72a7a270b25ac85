"""Writes YAML that people read and that comes back as what was written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from lychgate.config.yamlfile import plain_value

_SHORT = 72
"""Characters that a list or object may have to stand on one line."""
_BREAKS = frozenset("\x85\u2028\u2029")
"""What ends a line for readers of YAML besides the usual: unescaped, text would go on as more."""
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Written:
    """An object as it is to be written, with what is said above it."""

    body: Mapping[str, Any]
    comments: tuple[str, ...] = ()
    counts: bool = True
    """False: it is written as a comment itself."""


type Section = Sequence[Written] | Written


def document(head: Iterable[str], sections: Mapping[str, Section]) -> str:
    """A whole file; empty sections are left out."""
    lines = [*_comments(head, ""), "resources:"]
    for name, section in sections.items():
        if isinstance(section, Written):
            lines += ["", *_comments(section.comments, "  "), f"  {name}:"]
            lines += _shifted(_dumped(section.body), "    ")
        elif any(one.counts for one in section):
            lines += ["", f"  {name}:", *(line for one in section for line in _item(one))]
        elif section:
            lines += ["", *(line for one in section for line in _item(one))]
    if len(lines) == 1 or lines[-1] == "resources:":
        lines[-1] = "resources: {}"
    return "\n".join(lines) + "\n"


def _item(one: Written) -> Iterator[str]:
    yield from _comments(one.comments, "    ")
    first, *rest = _dumped(one.body)
    lines = [f"- {first}", *_shifted(rest, "  ")]
    yield from _shifted(lines, "    " if one.counts else "    # ")


def _comments(lines: Iterable[str], indent: str) -> Iterator[str]:
    for text in lines:
        yield from (f"{indent}# {_printable(line)}".rstrip() for line in text.split("\n"))


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _shifted(lines: Iterable[str], indent: str) -> list[str]:
    return [f"{indent}{line}".rstrip() if not line else f"{indent}{line}" for line in lines]


def _dumped(body: Mapping[str, Any]) -> list[str]:
    text: str = yaml.dump(
        _Root(body), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    return text.rstrip("\n").split("\n")


class _Root(dict[str, Any]):
    """The outermost object, which never stands on one line."""


class _Dumper(_Base):  # type: ignore[misc]  # the class of whichever parser there is
    def ignore_aliases(self, data: object) -> bool:
        """Whatever is the same twice is written twice."""
        return True


def _text(dumper: Any, text: str) -> Any:
    quoted = not _BREAKS.isdisjoint(text) or ("\n" not in text and _reads_otherwise(text))
    style = '"' if quoted else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _reads_otherwise(text: str) -> bool:
    """Whether a reader of YAML, ours or another, takes the text for something else."""
    try:
        float(text)
    except ValueError:
        return plain_value(text) is not text
    return True


def _object(dumper: Any, value: Mapping[str, Any]) -> Any:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", value.items())
    node.flow_style = _is_short(value.values(), str(value))
    return node


def _root(dumper: Any, value: Mapping[str, Any]) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=False)


def _list(dumper: Any, value: list[Any]) -> Any:
    node = dumper.represent_sequence("tag:yaml.org,2002:seq", value)
    node.flow_style = _is_short(value, str(value))
    return node


def _is_short(values: Iterable[Any], text: str) -> bool:
    simple = not any(isinstance(one, Mapping | list) for one in values)
    return simple and len(text) <= _SHORT and "\\n" not in text


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _object)
_Dumper.add_representer(_Root, _root)
_Dumper.add_representer(list, _list)
