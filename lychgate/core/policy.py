"""Compiles policies and says what a list of them means for the evidence at hand.

A policy matches when any include rule, all require rules and no exclude rule hold; a group is the
same formula counted as one rule. Rules can be unknown (nobody can tell) or pending (a login would
tell). Both are carried as a *lean*: the formula is computed with each such rule taken as no or as
yes, and since exclude turns the lean around, the two results are the worst and the best case.

- Unknown is settled against the visitor: no for Allow, Bypass and Service Auth, yes for Block.
- Pending is computed both ways: a policy that holds in the worst case matches now, one that holds
  only in the best case may match after the login.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import assert_never

from lychgate.core.model import (
    EPOCH,
    Action,
    Group,
    GroupId,
    ItemList,
    ListId,
    ListType,
    Policy,
    PolicyId,
    Records,
    Rule,
)
from lychgate.core.selectors import Evidence, InvalidRule, Login, Match, Selector, parse
from lychgate.errors import Problem


@dataclass(frozen=True, slots=True)
class Leaf:
    """One selector; `bit` is its place among the identity rules of the application."""

    rule: Rule
    selector: Selector
    bit: int | None = None
    void: bool = False
    """Whether the kind does not count under this policy's action, and so never matches.

    To a machine that holds a service token it is pending all the same: where service tokens are
    not strict, such a machine meets the login, not a refusal.
    """


@dataclass(frozen=True, slots=True)
class Formula:
    """Include (any), require (all), exclude (none); of a policy or of a group."""

    include: tuple["Node", ...]
    require: tuple["Node", ...] = ()
    exclude: tuple["Node", ...] = ()
    name: str = ""
    rule: Rule | None = None
    """The rule that named this group; None for a policy."""


type Node = Leaf | Formula


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy with its rules parsed and its groups and lists resolved."""

    policy: Policy
    formula: Formula
    each_request: bool
    """Whether any rule of it must be tested on each request."""
    evaluations: tuple[tuple[str, str], ...] = ()
    rules_changed_at: datetime = EPOCH
    """The newest change of the policy, its groups and its lists."""

    @property
    def id(self) -> PolicyId:
        return self.policy.id

    @property
    def action(self) -> Action:
        return self.policy.action


class Holds(Enum):
    """Whether a policy matches: now, perhaps after a login, or not."""

    YES = auto()
    PENDING = auto()
    NO = auto()


def outcome(leaf: Leaf, evidence: Evidence) -> Match:
    """What one rule says; at a running session the outcome of the login stands."""
    if leaf.void:
        held = evidence.service is not None and leaf.rule.kind != "linked_app_token"
        return Match.PENDING if held and evidence.login is Login.PENDING else Match.NO
    if leaf.bit is not None and evidence.facts is not None:
        return Match.YES if evidence.facts >> leaf.bit & 1 else Match.NO
    return leaf.selector.matches(evidence)


def _node(node: Node, evidence: Evidence, unknown: bool, pending: bool) -> bool:
    if isinstance(node, Formula):
        return formula_holds(node, evidence, unknown, pending)
    match outcome(node, evidence):
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


def formula_holds(formula: Formula, evidence: Evidence, unknown: bool, pending: bool) -> bool:
    """Whether a formula holds when unknown and pending rules are taken as given."""
    return (
        any(_node(node, evidence, unknown, pending) for node in formula.include)
        and all(_node(node, evidence, unknown, pending) for node in formula.require)
        and not any(_node(node, evidence, not unknown, not pending) for node in formula.exclude)
    )


def holds(policy: CompiledPolicy, evidence: Evidence) -> Holds:
    """Whether a policy matches the evidence."""
    unknown = policy.action is Action.DENY
    if formula_holds(policy.formula, evidence, unknown, pending=False):
        return Holds.YES
    if formula_holds(policy.formula, evidence, unknown, pending=True):
        return Holds.PENDING
    return Holds.NO


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a list of policies says: the first that matched, or that a login must come first.

    `action` None: nothing matched. `login`: a policy could still admit the person.
    """

    action: Action | None
    policy: CompiledPolicy | None = None
    login: bool = False


NOTHING = Verdict(None)


def evaluate_machine(policies: Sequence[CompiledPolicy], evidence: Evidence) -> Verdict:
    """Bypass and Service Auth, together, top to bottom; the first that matches decides.

    With a service token and a linked one at hand, the service token is tried alone first.
    """
    if evidence.service is not None and evidence.linked is not None:
        alone = evaluate_machine(policies, unlinked(evidence))
        if alone.policy is not None:
            return alone
    for policy in policies:
        if holds(policy, evidence) is Holds.YES:
            return Verdict(policy.action, policy)
    return NOTHING


def unlinked(evidence: Evidence) -> Evidence:
    """The evidence without the token of another application and whom it speaks of."""
    return replace(evidence, linked=None, identity=None)


def evaluate_person(policies: Sequence[CompiledPolicy], evidence: Evidence) -> Verdict:
    """Allow and Block, together, top to bottom; the first that matches decides.

    Before the login (pending evidence) an Allow that matches or may match means: log in. A Block
    that only may match is passed over, it is judged again when the person is known.
    """
    for policy in policies:
        match holds(policy, evidence), policy.action:
            case Holds.YES, action:
                return Verdict(action, policy)
            case Holds.PENDING, Action.ALLOW:
                return Verdict(None, policy, login=True)
            case _:
                pass
    return NOTHING


def identity_facts(policies: Sequence[CompiledPolicy], evidence: Evidence) -> int:
    """The outcome of each identity rule, as the bits an application token carries.

    A bit has no room for unknown: it is settled here as its policy would settle it.
    """
    facts = 0
    for policy in policies:
        unknown = policy.action is Action.DENY
        for leaf, lean in _leaning(policy.formula, unknown):
            if leaf.bit is not None and _node(leaf, evidence, lean, pending=False):
                facts |= 1 << leaf.bit
    return facts


def _leaning(formula: Formula, unknown: bool) -> Iterator[tuple[Leaf, bool]]:
    """Every selector, and what counts for it when it is unknown."""
    for nodes, lean in (
        (formula.include, unknown),
        (formula.require, unknown),
        (formula.exclude, not unknown),
    ):
        for node in nodes:
            if isinstance(node, Formula):
                yield from _leaning(node, lean)
            else:
                yield node, lean


def leaves(formula: Formula) -> Iterator[Leaf]:
    """Every selector of a formula, groups opened, in order."""
    for nodes in (formula.include, formula.require, formula.exclude):
        for node in nodes:
            if isinstance(node, Formula):
                yield from leaves(node)
            else:
                yield node


_MAX_GROUP_DEPTH = 16
_MAX_RULES = 50_000
"""Rules of one application with every group opened; groups that name groups multiply."""
_WRONG_ACTION = {
    "service_token": frozenset({Action.ALLOW, Action.DENY}),
    "any_valid_service_token": frozenset({Action.ALLOW, Action.DENY}),
    "linked_app_token": frozenset({Action.ALLOW, Action.DENY, Action.BYPASS}),
}
"""Under these actions a kind does not count."""


class PolicyCompiler:
    """Compiles the policies of one application, numbering its identity rules."""

    def __init__(self, records: Records, country_known: bool) -> None:
        self._records = records
        self._country_known = country_known
        self.problems: list[Problem] = []
        self.references: set[tuple[str, str]] = set()
        self._bits = 0
        self._rules = 0
        self._newest: datetime = EPOCH

    def compile(self, policy: Policy) -> CompiledPolicy:
        """The compiled policy; problems are collected, not raised."""
        self._newest = policy.rules_changed_at
        where = f"policies/{policy.id}"
        if not policy.include:
            self._problem(f"{where}/include", "include is a required field and must not be empty")
        formula = self._formula(policy, policy.action, where, ())
        found = tuple(leaves(formula))
        return CompiledPolicy(
            policy=policy,
            formula=formula,
            each_request=any(leaf.selector.each_request for leaf in found),
            evaluations=tuple(dict.fromkeys(_evaluation(leaf) for leaf in found if _asks(leaf))),
            rules_changed_at=self._newest,
        )

    @property
    def identity_rules(self) -> int:
        """How many bits the facts of these policies take in a token."""
        return self._bits

    def check_group(self, id: GroupId) -> None:
        """Compile a group for its problems alone."""
        self._formula(self._records.groups[id], Action.ALLOW, f"groups/{id}", (id,))

    def list(self, id: ListId, type: ListType) -> ItemList:
        """The list a rule names (see `selectors.Lookup`)."""
        found = self._records.lists.get(id)
        if found is None or found.type is not type:
            raise InvalidRule(f"there is no {type.value} list `{id}`")
        self.references.add(("list", id))
        self._newest = max(self._newest, found.rules_changed_at)
        return found

    def _formula(
        self,
        holder: Policy | Group,
        action: Action,
        where: str,
        within: tuple[GroupId, ...],
    ) -> Formula:
        parts = [
            tuple(
                self._node(rule, action, f"{where}/{part}/{index}", within)
                for index, rule in enumerate(rules)
            )
            for part, rules in (
                ("include", holder.include),
                ("require", holder.require),
                ("exclude", holder.exclude),
            )
        ]
        include, require, exclude = (tuple(n for n in part if n is not None) for part in parts)
        return Formula(include, require, exclude, holder.name)

    def _node(
        self, rule: Rule, action: Action, where: str, within: tuple[GroupId, ...]
    ) -> Node | None:
        self._rules += 1
        try:
            if rule.kind == "group":
                return self._group(rule, action, within)
            selector = parse(rule.kind, rule.value, self)
            self._check_reference(selector, rule)
            self._check_action(selector, action)
        except InvalidRule as error:
            self._problem(where, str(error))
            return None
        void = action in _WRONG_ACTION.get(rule.kind, ())
        return Leaf(rule, selector, self._bit(selector), void)

    def _bit(self, selector: Selector) -> int | None:
        if not selector.identity or not selector.source:
            return None
        self._bits += 1
        return self._bits - 1

    def _group(self, rule: Rule, action: Action, within: tuple[GroupId, ...]) -> Formula:
        id = GroupId(str(rule.value.get("id", "")))
        group = self._records.groups.get(id)
        if group is None:
            raise InvalidRule(f"there is no group `{id}`")
        if self._rules > _MAX_RULES:
            raise InvalidRule(f"more than {_MAX_RULES} rules once every group is opened")
        if id in within or len(within) >= _MAX_GROUP_DEPTH:
            raise InvalidRule(f"group `{group.name}` contains itself")
        self.references.add(("group", id))
        self._newest = max(self._newest, group.rules_changed_at)
        formula = self._formula(group, action, f"groups/{id}", (*within, id))
        return Formula(
            formula.include,
            formula.require,
            formula.exclude,
            f"group {group.name}",
            rule,
        )

    def _check_reference(self, selector: Selector, rule: Rule) -> None:
        records = self._records
        for member, kind, known in (
            ("token_id", "service_token", records.service_tokens),
            ("app_uid", "application", records.applications),
            ("identity_provider_id", "identity_provider", records.identity_providers),
            ("id", "identity_provider", records.identity_providers),
        ):
            if member not in rule.value or (member == "id" and rule.kind != "login_method"):
                continue
            id = rule.value[member]
            if id not in known:
                raise InvalidRule(f"{kind.replace('_', ' ')} not found: `{id}`")
            self.references.add((kind, id))

    def _check_action(self, selector: Selector, action: Action) -> None:
        if action is Action.BYPASS:
            if selector.identity:
                raise InvalidRule(f"`{selector.kind}` needs a login and cannot be used in bypass")
            if selector.kind == "linked_app_token":
                raise InvalidRule("`linked_app_token` can only be used with non_identity")
        if action is Action.DENY and selector.kind == "geo" and not self._country_known:
            raise InvalidRule("`geo` in a block policy needs the setting country_database")

    def _problem(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))


def _asks(leaf: Leaf) -> bool:
    return leaf.rule.kind == "external_evaluation"


def _evaluation(leaf: Leaf) -> tuple[str, str]:
    return str(leaf.rule.value["evaluate_url"]), str(leaf.rule.value["keys_url"])


@dataclass(frozen=True, slots=True)
class Step:
    """One rule as it was judged, for people who ask why."""

    part: str
    rule: Rule
    saw: str
    match: Match
    inside: tuple["Step", ...] = ()


def trace(formula: Formula, evidence: Evidence) -> tuple[Step, ...]:
    """Every rule of a formula with the value it saw and what it said; nothing is skipped."""
    return tuple(
        _step(part, node, evidence)
        for part, nodes in (
            ("include", formula.include),
            ("require", formula.require),
            ("exclude", formula.exclude),
        )
        for node in nodes
    )


def _step(part: str, node: Node, evidence: Evidence) -> Step:
    if isinstance(node, Leaf):
        return Step(part, node.rule, node.selector.saw(evidence), outcome(node, evidence))
    worst = formula_holds(node, evidence, unknown=False, pending=False)
    best = formula_holds(node, evidence, unknown=True, pending=True)
    pending = formula_holds(node, evidence, unknown=False, pending=True)
    match = (
        Match.YES if worst else Match.PENDING if pending else Match.UNKNOWN if best else Match.NO
    )
    rule = node.rule or Rule("group", {})
    return Step(part, rule, node.name, match, trace(node, evidence))
