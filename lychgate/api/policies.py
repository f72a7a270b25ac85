"""The wire shape of policies: reusable ones, and those written inside an application."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import (
    Flag,
    Json,
    Name,
    Reference,
    Rules,
    SessionDuration,
    SomeRules,
    Text,
    Wire,
)
from lychgate.api.mfa import MfaBody
from lychgate.core.model import Action


def _action(value: Any) -> Any:
    if not isinstance(value, str) or value.lower() not in set(Action):
        raise ValueError("unrecognized policy decision")
    return value.lower()


Decision = Annotated[Action, BeforeValidator(_action)]


def _address(text: str) -> str:
    if text.count("@") != 1 or text.startswith("@") or text.endswith("@"):
        raise ValueError(f"`{text[:80]}` is not an email address")
    return text


class ApprovalGroupBody(Wire):
    """People of whom some must approve."""

    approvals_needed: Annotated[int, Field(ge=0, le=1000)]
    email_addresses: Annotated[
        list[Annotated[Name, AfterValidator(_address)]], Field(max_length=1000)
    ] = Field(default_factory=list)
    email_list_uuid: Reference | None = None


class PolicyOptions(Wire):
    """What a policy may say besides its name, decision and include."""

    require: Rules = Field(default_factory=list)
    exclude: Rules = Field(default_factory=list)
    session_duration: SessionDuration | None = None
    purpose_justification_required: Flag = False
    purpose_justification_prompt: Text | None = None
    approval_required: Flag = False
    approval_groups: Annotated[list[ApprovalGroupBody], Field(max_length=100)] = Field(
        default_factory=list
    )
    isolation_required: Flag = False
    mfa_config: MfaBody | None = None
    connection_rules: Json = None

    @model_validator(mode="after")
    def _extras(self) -> Self:
        if self.isolation_required:
            raise ValueError("isolation_required is not supported")
        if self.approval_required and not self.approval_groups:
            raise ValueError("approval_groups is a required field")
        return self


class PolicyBody(PolicyOptions):
    """A policy of its own. `reusable` is false for one that lives in a single application."""

    name: Name
    decision: Decision
    include: SomeRules
    reusable: Flag = True


class AppPolicyBody(PolicyOptions):
    """An entry of an application's `policies`: a link by id, or an inline policy."""

    id: Reference | None = None
    precedence: Annotated[int, Field(ge=0, le=2**31)] | None = None
    name: Name | None = None
    decision: Decision | None = None
    include: SomeRules | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_id(cls, data: Any) -> Any:
        return {"id": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _link_or_inline(self) -> Self:
        if self.is_link and self.id is None:
            raise ValueError("name is a required field")
        if not self.is_link:
            for member in ("name", "decision", "include"):
                if getattr(self, member) is None:
                    raise ValueError(f"{member} is a required field")
        return self

    @property
    def is_link(self) -> bool:
        """Whether this only names a policy that is written elsewhere."""
        return self.name is None and self.decision is None and self.include is None
