"""Whom policies would let in, judged by what is known of each person's last login."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office
from lychgate.admin.generic import existing
from lychgate.admin.handler import handler
from lychgate.admin.kinds.applications import APPLICATIONS
from lychgate.admin.kinds.policies import policy_body
from lychgate.admin.references import refuse_unknown
from lychgate.admin.refusals import does_not_compile, invalid, not_found
from lychgate.admin.shapes.acts import NewTest, PolicyTestBody, PolicyTestShown, UserPolicyCheck
from lychgate.admin.shapes.people import TESTED_FILTERS, TestedUser
from lychgate.admin.shapes.shown import Takes, one, page
from lychgate.api import to_model
from lychgate.config.naming import ACCOUNT
from lychgate.core.compiling import Compiler
from lychgate.core.model import EPOCH, Action, AppId, Policy
from lychgate.core.policy import CompiledPolicy, evaluate_person
from lychgate.core.request import address
from lychgate.core.selectors import Evidence, Login
from lychgate.store.base import Kind, Session, User, UserFilter

_MOST_USERS = 10_000
_MOST_POLICIES = 100


@dataclass(frozen=True, slots=True)
class Tested:
    """A test that is over: each person and what became of them."""

    people: Sequence[Mapping[str, str]]
    """Each with `id`, `email`, `name`, and as `status` what became of them."""

    def count(self, status: str) -> int:
        """How many it became so of."""
        return sum(1 for one in self.people if one["status"] == status)


@handler("create_policy_test", one(NewTest, status=201), Takes((PolicyTestBody,)))
def create_test(call: Call, office: Office) -> Answer:
    """Judge everybody by policies; what became of them is asked for later."""
    sent = call.members.get("policies")
    if not isinstance(sent, list) or not 0 < len(sent) <= _MOST_POLICIES:
        raise invalid("policies is a required field")
    compiled = _compiled([_policy(one, office) for one in sent], office)
    people = office.store.users.page(UserFilter(), _MOST_USERS, 0).items
    judged = [_became(one, _status(one, compiled, office)) for one in people]
    id = str(uuid.uuid4())
    office.store.results.keep(id, judged, office.clock())
    return done({"id": id, "status": "success"}, 201)


@handler("get_policy_test", one(PolicyTestShown))
def get_test(call: Call, office: Office) -> Answer:
    """Get the numbers of a policy test."""
    tested = _existing(call, office)
    total = len(tested.people)
    counts = {name: tested.count(name) for name in ("approved", "blocked", "error")}
    percent = {name: round(100 * many / total) if total else 0 for name, many in counts.items()}
    return done(
        {
            "id": call.id,
            "status": "complete",
            "percent_approved": percent["approved"],
            "percent_blocked": percent["blocked"],
            "percent_errored": percent["error"],
            "percent_users_processed": 100,
            "total_users": total,
            "users_approved": counts["approved"],
            "users_blocked": counts["blocked"],
            "users_errored": counts["error"],
        }
    )


@handler("list_policy_test_users", page(TestedUser), asks=TESTED_FILTERS)
def test_users(call: Call, office: Office) -> Answer:
    """List the people of a policy test."""
    some, tested, wanted = call.paging, _existing(call, office), call.query.get("status")
    shown = [one for one in tested.people if wanted in (None, one["status"])]
    return listed(some.cut(shown), some, len(shown))


@handler("check_user_policies", one(UserPolicyCheck))
def check_user(call: Call, office: Office) -> Answer:
    """Say what the policies of an application say of the owner of the API token."""
    stored = existing(APPLICATIONS, call.id, office.store)
    user = office.store.users.by_email(call.token.email) if call.token.email else None
    session = _session(user, office) if user is not None else None
    app = office.snapshot().apps.get(AppId(stored.id))
    if user is None or session is None or app is None:
        raise not_found()
    status = _judged(session, app.person)
    policies = [{"id": one.id, "name": one.policy.name} for one in app.person]
    return done(
        {
            "app_state": {
                "app_uid": stored.id,
                "aud": app.app.audience,
                "hostname": app.app.domain,
                "name": app.app.name,
                "policies": policies,
                "status": status,
            },
            "user_identity": {
                "id": user.id,
                "account_id": ACCOUNT,
                "device_sessions": {},
                "email": user.email,
                "geo": {"country": session.country},
                "iat": int(session.created_at.timestamp()),
                "is_gateway": False,
                "is_warp": False,
                "name": user.name,
                "user_uuid": user.id,
                "version": 2,
            },
        }
    )


def _became(user: User, status: str) -> dict[str, str]:
    return {"id": user.id, "email": user.email, "name": user.name, "status": status}


def _existing(call: Call, office: Office) -> Tested:
    found = office.store.results.find(call.id, office.clock())
    if found is None:
        raise not_found()
    return Tested(found)


def _policy(sent: Any, office: Office) -> Policy:
    if isinstance(sent, str):
        stored = office.store.object(Kind.POLICY, sent)
        if stored is None:
            raise invalid(f"policies: policy not found: `{sent[:80]}`")
        id, body = stored.id, dict(stored.body)
    elif isinstance(sent, dict):
        id, body = str(uuid.uuid4()), policy_body(sent, reusable=True)
        refuse_unknown(Kind.POLICY, body, office.store)
    else:
        raise invalid("policies must be policies or their ids")
    value = to_model(Kind.POLICY, id, body, EPOCH)
    if not isinstance(value, Policy):
        raise invalid("policies must be policies or their ids")
    return value


def _compiled(policies: Iterable[Policy], office: Office) -> Sequence[CompiledPolicy]:
    snapshot = office.snapshot()
    country_known = snapshot.setting.country_known
    compiler = Compiler(snapshot.records, country_known, snapshot.compiled)
    compiled = [compiler.compile(policy) for policy in policies]
    if compiler.problems:
        raise does_not_compile(compiler.problems)
    return [one for one in compiled if one.action in (Action.ALLOW, Action.DENY)]


def _status(user: User, policies: Sequence[CompiledPolicy], office: Office) -> str:
    session = _session(user, office)
    return "error" if session is None else _judged(session, policies)


def _session(user: User, office: Office) -> Session | None:
    """The last login that is remembered; without one nothing is known of a person."""
    return office.store.sessions.newest(user.id)


def _judged(session: Session, policies: Sequence[CompiledPolicy]) -> str:
    evidence = Evidence(
        ip=address(session.ip) if session.ip else None,
        country=session.country or None,
        login=Login.KNOWN,
        identity=session.identity,
    )
    verdict = evaluate_person(tuple(policies), evidence)
    return "approved" if verdict.action is Action.ALLOW else "blocked"
