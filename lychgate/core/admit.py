"""Says whether a person may have a token for an application: at each login, renewal and refresh."""

from dataclasses import dataclass
from datetime import timedelta

from lychgate.core.decision import Reason
from lychgate.core.model import Action, ApprovalGroup, IdpId, PolicyId
from lychgate.core.policy import CompiledPolicy, evaluate_person, identity_facts
from lychgate.core.selectors import Evaluation, Evidence
from lychgate.core.session import app_duration
from lychgate.core.snapshot import CompiledApp


@dataclass(frozen=True, slots=True)
class Admitted:
    """The person may have a token, and for how long; `facts` go into it."""

    policy: PolicyId
    name: str
    duration: timedelta
    """Zero: a token for a moment, and none again without the identity provider."""
    facts: int


@dataclass(frozen=True, slots=True)
class NeedsPurpose:
    """The person must first say why."""

    policy: PolicyId
    prompt: str
    then: Admitted


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """The person must say why, and others must then approve."""

    policy: PolicyId
    prompt: str
    groups: tuple[ApprovalGroup, ...]
    then: Admitted


@dataclass(frozen=True, slots=True)
class Refused:
    """The person may not; `policy` is the one that blocked, None when none matched."""

    reason: Reason
    policy: PolicyId | None


type Admission = Admitted | NeedsPurpose | NeedsApproval | Refused


def admit(app: CompiledApp, evidence: Evidence) -> Admission:
    """Judge a known person by the Allow and Block policies of an application."""
    if evidence.identity is not None and not provider_allowed(app, evidence.identity.idp_id):
        return Refused(Reason.NO_POLICY_MATCHED, None)
    verdict = evaluate_person(app.person, evidence)
    policy = verdict.policy
    if verdict.action is not Action.ALLOW or policy is None:
        reason = Reason.BLOCKED if verdict.action is Action.DENY else Reason.NO_POLICY_MATCHED
        return Refused(reason, policy.id if policy else None)
    return _extras(policy, _admitted(app, policy, evidence))


def _admitted(app: CompiledApp, policy: CompiledPolicy, evidence: Evidence) -> Admitted:
    facts = 0 if app.settled else identity_facts(app.person, evidence)
    duration = app_duration(app.app, policy.policy.session_duration)
    return Admitted(policy.id, policy.policy.name, duration, facts)


def _extras(policy: CompiledPolicy, admitted: Admitted) -> Admission:
    extras = policy.policy
    if extras.approval_required:
        groups = extras.approval_groups
        return NeedsApproval(policy.id, extras.purpose_prompt, groups, admitted)
    if extras.purpose_required:
        return NeedsPurpose(policy.id, extras.purpose_prompt, admitted)
    return admitted


def provider_allowed(app: CompiledApp, idp: IdpId) -> bool:
    """Whether the application takes people of this identity provider."""
    return not app.app.allowed_idps or idp in app.app.allowed_idps


def evaluations_needed(app: CompiledApp) -> tuple[Evaluation, ...]:
    """The external evaluations to ask before this application can admit anybody."""
    return tuple(dict.fromkeys(one for policy in app.person for one in policy.formula.evaluations))
