"""Compiles policies and groups: parses their rules, and opens the groups and lists these name.

Each policy, group and list is compiled once, whoever names it, and what a change does not reach is
taken over from the snapshot before.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lychgate.core.formula import Formula, Leaf, Node, Opened, Reference
from lychgate.core.model import (
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
from lychgate.core.nesting import Nesting, nesting
from lychgate.core.policy import CompiledPolicy
from lychgate.core.selectors import (
    ExternalEvaluation,
    InvalidRule,
    Networks,
    Selector,
    emails_of,
    networks_of,
    parse,
)
from lychgate.errors import Problem

MAX_OPENED = 50_000
"""Rules that groups may bring into one policy or application; groups that name groups multiply."""
_MAX_DEPTH = 16
_WRONG_ACTION = {
    "service_token": frozenset({Action.ALLOW, Action.DENY}),
    "any_valid_service_token": frozenset({Action.ALLOW, Action.DENY}),
    "linked_app_token": frozenset({Action.ALLOW, Action.DENY, Action.BYPASS}),
}
"""Under these actions a kind does not count."""

type GroupKey = tuple[GroupId, Action]
"""A group under an action: a rule may count under one and not under another."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Every policy, and the groups and lists that rules name."""

    policies: Mapping[PolicyId, CompiledPolicy] = field(default_factory=dict)
    groups: Mapping[GroupKey, Formula] = field(default_factory=dict)
    emails: Mapping[ListId, frozenset[str]] = field(default_factory=dict)
    networks: Mapping[ListId, Networks] = field(default_factory=dict)


def _felt(changed: frozenset[Reference], records: Records) -> Iterator[Reference]:
    """Those of the changes that rules which name the object feel.

    Of a group or list they hold what it says, of everything else only that it exists.
    """
    tables: Mapping[str, Container[str]] = {
        "application": records.applications,
        "identity_provider": records.identity_providers,
        "service_token": records.service_tokens,
    }
    for kind, id in changed:
        if kind in ("group", "list") or (kind in tables and id not in tables[kind]):
            yield kind, id


def _names(formula: Formula, changed: frozenset[Reference]) -> bool:
    return not changed.isdisjoint(formula.references)


class Compiler:
    """Compiles the policies and groups of some records, over what is known of them already."""

    def __init__(
        self, records: Records, country_known: bool, known: Compiled | None = None
    ) -> None:
        known = known or Compiled()
        self.compiled = known
        """Everything compiled so far; what could not be is among the `problems`."""
        self.records = records
        self.country_known = country_known
        self._policies = dict(known.policies)
        self._groups = dict(known.groups)
        self._emails = dict(known.emails)
        self._networks = dict(known.networks)
        self._faults: dict[GroupKey | PolicyId, tuple[Problem, ...]] = {}

    def renew(self, changed: frozenset[Reference]) -> frozenset[PolicyId]:
        """Compile what changed or came, and what names it; the policies that are not as before."""
        felt = frozenset(_felt(changed, self.records))
        policies = {PolicyId(id) for kind, id in changed if kind == "policy"}
        groups = {GroupId(id) for kind, id in changed if kind == "group"}
        if felt:
            policies |= {id for id, one in self._policies.items() if _names(one.formula, felt)}
            groups |= {key[0] for key, one in self._groups.items() if _names(one, felt)}
        lists = {ListId(id) for kind, id in changed if kind == "list"}
        if not (policies or groups or lists):
            return frozenset()
        self._forget(policies, groups, lists)
        for group in self.records.groups if groups else ():
            if group in groups:
                self.group(group, Action.ALLOW)
        for policy in self.records.policies if policies else ():
            if policy in policies:
                self.policy(policy)
        self.compiled = Compiled(self._policies, self._groups, self._emails, self._networks)
        return frozenset(policies)

    def _forget(self, policies: set[PolicyId], groups: set[GroupId], lists: set[ListId]) -> None:
        for policy in policies:
            self._policies.pop(policy, None)
        for key in [key for key in self._groups if key[0] in groups]:
            del self._groups[key]
        for list in lists:
            self._emails.pop(list, None)
            self._networks.pop(list, None)

    @cached_property
    def nesting(self) -> Nesting:
        """How the groups lie within each other."""
        return nesting(self.records.groups)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with anything compiled so far, each thing once."""
        return tuple(dict.fromkeys(one for found in self._faults.values() for one in found))

    def problems_of(self, id: PolicyId) -> tuple[Problem, ...]:
        """What is wrong with one policy, its groups and lists included."""
        self.policy(id)
        return self._faults.get(id, ())

    def problems_of_group(self, id: GroupId) -> tuple[Problem, ...]:
        """What is wrong with one group, those it names included."""
        self.group(id, Action.ALLOW)
        return self._faults.get((id, Action.ALLOW), ())

    def policy(self, id: PolicyId) -> CompiledPolicy | None:
        """The policy of that id, if there is one."""
        if id not in self._policies and id in self.records.policies:
            self._policies[id] = self.compile(self.records.policies[id])
        return self._policies.get(id)

    def compile(self, policy: Policy) -> CompiledPolicy:
        """Any policy, also one that is not among the records."""
        reading = _Reading(self, policy, policy.action, f"policies/{policy.id}")
        formula = reading.formula()
        if not policy.include:
            message = "include is a required field and must not be empty"
            reading.problems.append(Problem(f"policies/{policy.id}/include", message))
        self._keep_faults(policy.id, reading)
        return CompiledPolicy(policy, formula)

    def group(self, id: GroupId, action: Action) -> Formula:
        """The formula of a group that exists, as it stands in policies with that action."""
        key = (id, action)
        if key not in self._groups:
            holder = self.records.groups[id]
            reading = _Reading(self, holder, action, f"groups/{id}")
            self._groups[key] = reading.formula()
            self._keep_faults(key, reading)
        return self._groups[key]

    def faults_of_group(self, id: GroupId, action: Action) -> tuple[Problem, ...]:
        """What was found wrong with a group when it was compiled for that action."""
        return self._faults.get((id, action), ())

    def emails(self, held: ItemList) -> frozenset[str]:
        """The addresses of an email list."""
        if held.id not in self._emails:
            self._emails[held.id] = emails_of(held.items)
        return self._emails[held.id]

    def networks(self, held: ItemList) -> Networks:
        """The networks of an IP list; raises InvalidRule for an item that is none."""
        if held.id not in self._networks:
            self._networks[held.id] = networks_of(held.items)
        return self._networks[held.id]

    def _keep_faults(self, key: GroupKey | PolicyId, reading: "_Reading") -> None:
        if reading.problems:
            self._faults[key] = tuple(dict.fromkeys(reading.problems))


class _Reading:
    """One policy or group while it is compiled; what its rules look lists up in."""

    def __init__(
        self,
        compiler: Compiler,
        holder: Policy | Group,
        action: Action,
        where: str,
    ) -> None:
        self._compiler, self._holder = compiler, holder
        self._action, self._where = action, where
        self.problems: list[Problem] = []
        self._references: dict[Reference, None] = {}
        self._evaluations: dict[tuple[str, str], None] = {}
        self._newest = holder.rules_changed_at
        self._each_request = False
        self._bits = self._opened = 0

    def formula(self) -> Formula:
        """The compiled rules, without those that have a problem."""
        holder = self._holder
        return Formula(
            self._nodes("include", holder.include),
            self._nodes("require", holder.require),
            self._nodes("exclude", holder.exclude),
            self._bits,
            self._each_request,
            tuple(self._evaluations),
            self._newest,
            tuple(self._references),
            self._opened,
        )

    def _nodes(self, part: str, rules: tuple[Rule, ...]) -> tuple[Node, ...]:
        nodes: list[Node] = []
        for index, rule in enumerate(rules):
            try:
                node = self._group(rule) if rule.kind == "group" else self._leaf(rule)
            except InvalidRule as error:
                self.problems.append(Problem(f"{self._where}/{part}/{index}", str(error)))
                continue
            if node is not None:
                nodes.append(node)
        return tuple(nodes)

    def _leaf(self, rule: Rule) -> Leaf:
        selector = parse(rule.kind, rule.value, self)
        self._check_reference(rule)
        self._check_action(selector)
        self._each_request = self._each_request or selector.each_request
        if isinstance(selector, ExternalEvaluation):
            self._evaluations[selector.evaluate_url, selector.keys_url] = None
        void = self._action in _WRONG_ACTION.get(rule.kind, ())
        return Leaf(rule, selector, self._bit(selector), void)

    def _bit(self, selector: Selector) -> int | None:
        if not selector.identity or not selector.source:
            return None
        self._bits += 1
        return self._bits - 1

    def _group(self, rule: Rule) -> Opened | None:
        id = GroupId(str(rule.value.get("id", "")))
        group = self._compiler.records.groups.get(id)
        if group is None:
            raise InvalidRule(f"there is no group `{id}`")
        if not self._may_open(group):
            return None
        formula = self._compiler.group(id, self._action)
        self.problems.extend(self._compiler.faults_of_group(id, self._action))
        self._take_over(id, formula)
        if self._opened > MAX_OPENED:
            raise InvalidRule(f"more than {MAX_OPENED} rules once every group is opened")
        self._bits += formula.bits
        return Opened(rule, group.name, formula, self._bits - formula.bits)

    def _may_open(self, group: Group) -> bool:
        """Whether the nesting of a group ends; where it does not, the group is to blame."""
        nesting, holder = self._compiler.nesting, self._holder
        inside = isinstance(holder, Group)
        depth = nesting.depth.get(group.id)
        if depth is None and inside and {holder.id, group.id} <= nesting.rings:
            raise InvalidRule(f"group `{group.name}` contains itself")
        if depth is None:
            message = "it contains itself, or names a group that does"
            self.problems.append(Problem(f"groups/{group.id}", message))
            return False
        if depth + inside >= _MAX_DEPTH:
            raise InvalidRule(f"more than {_MAX_DEPTH} groups within each other")
        return True

    def _take_over(self, id: GroupId, formula: Formula) -> None:
        """What is so of a group is so of whatever names it."""
        self._references["group", id] = None
        self._references.update(dict.fromkeys(formula.references))
        self._evaluations.update(dict.fromkeys(formula.evaluations))
        self._newest = max(self._newest, formula.rules_changed_at)
        self._each_request = self._each_request or formula.each_request
        rules = len(formula.include) + len(formula.require) + len(formula.exclude)
        self._opened += rules + formula.opened

    def emails(self, id: ListId) -> frozenset[str]:
        """The addresses of the email list a rule names (see `selectors.Lookup`)."""
        return self._compiler.emails(self._list(id, ListType.EMAIL))

    def networks(self, id: ListId) -> Networks:
        """The networks of the IP list a rule names (see `selectors.Lookup`)."""
        return self._compiler.networks(self._list(id, ListType.IP))

    def _list(self, id: ListId, type: ListType) -> ItemList:
        found = self._compiler.records.lists.get(id)
        if found is None or found.type is not type:
            raise InvalidRule(f"there is no {type.value} list `{id}`")
        self._references["list", id] = None
        self._newest = max(self._newest, found.rules_changed_at)
        return found

    def _check_reference(self, rule: Rule) -> None:
        records = self._compiler.records
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
            self._references[kind, id] = None

    def _check_action(self, selector: Selector) -> None:
        if self._action is Action.BYPASS:
            if selector.identity:
                raise InvalidRule(f"`{selector.kind}` needs a login and cannot be used in bypass")
            if selector.kind == "linked_app_token":
                raise InvalidRule("`linked_app_token` can only be used with non_identity")
        if self._action is Action.DENY and selector.kind == "geo":
            if not self._compiler.country_known:
                raise InvalidRule("`geo` in a block policy needs the setting country_database")
