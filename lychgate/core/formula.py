"""What include, require and exclude say about the evidence; a group is a formula in a formula.

A formula holds when any include rule, all require rules and no exclude rule hold; a group counts
as one rule. Rules can be unknown (nobody can tell) or pending (a login would tell). Both are
carried as a *lean*: the formula is computed with each such rule taken as no or as yes, and since
exclude turns the lean around, the two results are the worst and the best case.

- Unknown is settled against the visitor: no for Allow, Bypass and Service Auth, yes for Block.
- Pending is computed both ways: what holds in the worst case holds now, what holds only in the best
  case may hold after the login.

Identity rules are numbered within their formula, so that one compiled formula serves everybody who
names it. `first` is the number that its first identity rule has in the facts of an application.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from lychgate.core.model import EPOCH, Rule
from lychgate.core.selectors import Evaluation, Evidence, Login, Match, Selector

type Reference = tuple[str, str]
"""A kind (`policy`, `group`, `list`, …) and an id."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One selector; `bit` is its place among the identity rules of its formula."""

    rule: Rule
    selector: Selector
    bit: int | None = None
    void: bool = False
    """Whether the kind does not count under this policy's action, and so never matches.

    To a machine that holds a service token it is pending all the same: where service tokens are
    not strict, such a machine meets the login, not a refusal.
    """


@dataclass(frozen=True, slots=True)
class Opened:
    """A group in the place of the rule that names it; its formula serves every such rule."""

    rule: Rule
    name: str
    formula: "Formula"
    first: int
    """The place of its first identity rule among those of the formula it stands in."""


type Node = Leaf | Opened


@dataclass(frozen=True, slots=True)
class Formula:
    """The compiled rules of a policy or of a group, and what compiling them has shown."""

    include: tuple[Node, ...]
    require: tuple[Node, ...] = ()
    exclude: tuple[Node, ...] = ()
    bits: int = 0
    """How many identity rules there are, groups opened."""
    each_request: bool = False
    """Whether any rule must be tested on each request."""
    evaluations: tuple[Evaluation, ...] = ()
    """The external evaluations that its rules ask for."""
    rules_changed_at: datetime = EPOCH
    """The newest change of the policy or group, its groups and its lists."""
    references: tuple[Reference, ...] = ()
    """What its rules name: groups, theirs, lists, service tokens, applications, providers."""
    opened: int = 0
    """How many rules its groups bring; groups that name groups multiply."""


def outcome(leaf: Leaf, evidence: Evidence, first: int) -> Match:
    """What one rule says; at a running session the outcome of the login stands."""
    if leaf.void:
        held = evidence.service is not None and leaf.rule.kind != "linked_app_token"
        return Match.PENDING if held and evidence.login is Login.PENDING else Match.NO
    if leaf.bit is not None and evidence.facts is not None:
        return Match.YES if evidence.facts >> (first + leaf.bit) & 1 else Match.NO
    return leaf.selector.matches(evidence)


def formula_holds(
    formula: Formula, evidence: Evidence, first: int, unknown: bool, pending: bool
) -> bool:
    """Whether a formula holds when unknown and pending rules are taken as given."""
    return (
        any(_node(node, evidence, first, unknown, pending) for node in formula.include)
        and all(_node(node, evidence, first, unknown, pending) for node in formula.require)
        and not any(
            _node(node, evidence, first, not unknown, not pending) for node in formula.exclude
        )
    )


def _node(node: Node, evidence: Evidence, first: int, unknown: bool, pending: bool) -> bool:
    if isinstance(node, Opened):
        return formula_holds(node.formula, evidence, first + node.first, unknown, pending)
    match outcome(node, evidence, first):
        case Match.YES:
            return True
        case Match.NO:
            return False
        case Match.UNKNOWN:
            return unknown
        case Match.PENDING:
            return pending
        case unforeseen:
            assert_never(unforeseen)


def formula_facts(formula: Formula, evidence: Evidence, first: int, unknown: bool) -> int:
    """The outcome of each identity rule as a bit; `unknown` is what counts where nobody can tell.

    A bit has no room for unknown: it is settled here as its policy would settle it.
    """
    facts = 0
    for nodes, lean in (
        (formula.include, unknown),
        (formula.require, unknown),
        (formula.exclude, not unknown),
    ):
        for node in nodes:
            if isinstance(node, Opened):
                facts |= formula_facts(node.formula, evidence, first + node.first, lean)
            elif node.bit is not None and _node(node, evidence, first, lean, pending=False):
                facts |= 1 << (first + node.bit)
    return facts


def positive_leaves(formula: Formula) -> Iterator[Leaf]:
    """Every selector of include and require, groups opened."""
    for nodes in (formula.include, formula.require):
        for node in nodes:
            if isinstance(node, Opened):
                yield from positive_leaves(node.formula)
            else:
                yield node


@dataclass(frozen=True, slots=True)
class Step:
    """One rule as it was judged, for people who ask why."""

    part: str
    rule: Rule
    saw: str
    match: Match
    inside: tuple["Step", ...] = ()


def trace(formula: Formula, evidence: Evidence, first: int = 0) -> tuple[Step, ...]:
    """Every rule of a formula with the value it saw and what it said; nothing is skipped."""
    return tuple(
        _step(part, node, evidence, first)
        for part, nodes in (
            ("include", formula.include),
            ("require", formula.require),
            ("exclude", formula.exclude),
        )
        for node in nodes
    )


def _step(part: str, node: Node, evidence: Evidence, first: int) -> Step:
    if isinstance(node, Leaf):
        match = outcome(node, evidence, first)
        return Step(part, node.rule, node.selector.saw(evidence), match)
    start = first + node.first
    worst = formula_holds(node.formula, evidence, start, unknown=False, pending=False)
    best = formula_holds(node.formula, evidence, start, unknown=True, pending=True)
    pending = formula_holds(node.formula, evidence, start, unknown=False, pending=True)
    match = (
        Match.YES if worst else Match.PENDING if pending else Match.UNKNOWN if best else Match.NO
    )
    inside = trace(node.formula, evidence, start)
    return Step(part, node.rule, f"group {node.name}", match, inside)
