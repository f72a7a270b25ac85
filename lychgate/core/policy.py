"""What a list of policies means for the evidence at hand; `core.formula` says it of their rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from lychgate.core.formula import Formula, formula_facts, formula_holds
from lychgate.core.model import Action, Policy, PolicyId
from lychgate.core.selectors import Evidence


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy with its rules parsed and its groups and lists resolved."""

    policy: Policy
    formula: Formula
    first: int = 0
    """The place of its first identity rule among those of the application."""

    @property
    def id(self) -> PolicyId:
        return self.policy.id

    @property
    def action(self) -> Action:
        return self.policy.action

    @property
    def each_request(self) -> bool:
        """Whether any rule of it must be tested on each request."""
        return self.formula.each_request

    @property
    def rules_changed_at(self) -> datetime:
        """The newest change of the policy, its groups and its lists."""
        return self.formula.rules_changed_at


class Holds(Enum):
    """Whether a policy matches: now, perhaps after a login, or not."""

    YES = auto()
    PENDING = auto()
    NO = auto()


def holds(policy: CompiledPolicy, evidence: Evidence) -> Holds:
    """Whether a policy matches the evidence."""
    formula, first = policy.formula, policy.first
    unknown = policy.action is Action.DENY
    if formula_holds(formula, evidence, first, unknown, pending=False):
        return Holds.YES
    if formula_holds(formula, evidence, first, unknown, pending=True):
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
    """The outcome of each identity rule, as the bits an application token carries."""
    facts = 0
    for policy in policies:
        unknown = policy.action is Action.DENY
        facts |= formula_facts(policy.formula, evidence, policy.first, unknown)
    return facts
