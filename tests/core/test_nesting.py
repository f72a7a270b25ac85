"""How groups lie within each other, and which have no end."""

from collections.abc import Sequence

from lychgate.core.model import GroupId
from lychgate.core.nesting import nesting
from tests.support.builders import EVERYONE, a_group, rule


def nested(**names: Sequence[str]) -> tuple[dict[str, int], set[str]]:
    """The depth of each group by what it names, and the rings."""
    groups = [
        a_group(id, [EVERYONE], exclude=[rule("group", id=name) for name in inner])
        for id, inner in names.items()
    ]
    found = nesting({group.id: group for group in groups})
    return {str(id): depth for id, depth in found.depth.items()}, {str(id) for id in found.rings}


def test_the_depth_is_that_of_the_deepest() -> None:
    assert nested(a=[], b=["a"], c=["a", "b"], d=["gone"]) == (
        {"a": 0, "b": 1, "c": 2, "d": 0},
        set(),
    )


def test_what_contains_itself_has_no_depth_nor_has_what_names_it() -> None:
    depth, rings = nested(a=["b"], b=["c"], c=["b"], d=["d"], e=["f"], f=[])
    assert depth == {"e": 1, "f": 0}
    assert rings == {"b", "c", "d"}


def test_a_long_chain_takes_no_recursion() -> None:
    chain = {f"g{n}": [f"g{n + 1}"] for n in range(5000)}
    depth, rings = nested(**chain)
    assert depth[GroupId("g0")] == 4999 and not rings
