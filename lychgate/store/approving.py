"""Keeps what people say before they get in: requests for temporary access, votes, purposes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from lychgate.core.model import EPOCH, AppId, ApprovalGroup
from lychgate.store import tables
from lychgate.store.base import (
    Approval,
    ApprovalRequest,
    Clock,
    NotAllowed,
    NotFound,
    StoreFull,
    Vote,
)
from lychgate.store.database import Database, one_at_a_time
from lychgate.store.database import insert as upsert
from lychgate.store.people import canonical

LONGEST_GRANT = timedelta(hours=24)
MOST_OPEN = 20
"""Open requests one person may have."""
LONGEST_TEXT = 2000
"""Characters of a purpose that are kept."""


@dataclass(frozen=True, slots=True)
class SqlApprovals:
    """Requests for temporary access in their table."""

    database: Database

    def request(self, request: ApprovalRequest, now: datetime) -> Approval:
        """Keep a request; an open one of that person for the policy and application is returned."""
        table = tables.approvals
        with self.database.write() as connection:
            one_at_a_time(connection, request.subject)
            mine = table.c.subject == request.subject
            held = _rows(connection, mine, _open(now))
            for one in held:
                if (one.app, one.policy) == (request.app, request.policy):
                    return one
            if len(held) >= MOST_OPEN:
                raise StoreFull("you have too many open requests", "wait until some are answered")
            connection.execute(insert(table), _row(request, now))
            return _rows(connection, table.c.id == request.id)[0]

    def get(self, id: str) -> Approval | None:
        """One request."""
        with self.database.read() as connection:
            found = _rows(connection, tables.approvals.c.id == id)
        return found[0] if found else None

    def approve(self, id: str, approver: str, duration: timedelta, now: datetime) -> Approval:
        """Count a vote; granted once each group has its number, for the shortest duration given."""
        table, address = tables.approvals, canonical(approver)
        with self.database.write() as connection:
            one_at_a_time(connection, id)
            found = _rows(connection, table.c.id == id, _open(now))
            if not found:
                raise NotFound("this request is no longer open")
            approval = found[0]
            if not _may_approve(approval, address):
                raise NotAllowed("you may not approve this request")
            votes = (
                *(vote for vote in approval.votes if vote.approver != address),
                Vote(address, now, max(min(duration, LONGEST_GRANT), timedelta())),
            )
            values: dict[str, Any] = {"votes": [_vote_json(vote) for vote in votes]}
            if _enough(approval.groups, votes):
                values["granted_until"] = now + min(vote.duration for vote in votes)
            connection.execute(update(table).where(table.c.id == id).values(values))
            return _rows(connection, table.c.id == id)[0]

    def pending_for(self, email: str, now: datetime) -> tuple[Approval, ...]:
        """Open requests that this person may approve and has not, oldest first."""
        address = canonical(email)
        with self.database.read() as connection:
            found = _rows(connection, _open(now))
        return tuple(
            approval
            for approval in found
            if _may_approve(approval, address)
            and all(vote.approver != address for vote in approval.votes)
        )

    def granted(self, subject: str, app: AppId, now: datetime) -> Approval | None:
        """The grant in force for a person and application, the one that lasts longest."""
        columns = tables.approvals.c
        mine = columns.subject == subject, columns.app == app
        with self.database.read() as connection:
            found = _rows(connection, *mine, columns.granted_until > now)
        return max(found, key=lambda one: one.granted_until or now, default=None)


@dataclass(frozen=True, slots=True)
class SqlPurposes:
    """Answers to purpose justification in their table."""

    database: Database
    clock: Clock

    def record(self, session: str, app: AppId, text: str) -> None:
        """Keep an answer, replacing an earlier one; very long ones are cut."""
        values = {"text": text[:LONGEST_TEXT], "recorded_at": self.clock()}
        row = values | {"session": session, "app": app}
        with self.database.write() as connection:
            connection.execute(
                upsert(connection, tables.purposes)
                .values(row)
                .on_conflict_do_update(index_elements=["session", "app"], set_=values)
            )

    def given(self, session: str, app: AppId) -> bool:
        """Whether this login already answered."""
        columns = tables.purposes.c
        query = select(columns.app).where(columns.session == session, columns.app == app)
        with self.database.read() as connection:
            return connection.execute(query).first() is not None


def _open(now: datetime) -> ColumnElement[bool]:
    columns = tables.approvals.c
    return columns.granted_until.is_(None) & (columns.expires_at > now)


def _rows(connection: Connection, *which: ColumnElement[bool]) -> list[Approval]:
    table = tables.approvals
    query = select(table).where(*which).order_by(table.c.requested_at, table.c.id)
    return [_approval(row) for row in connection.execute(query)]


def _may_approve(approval: Approval, address: str) -> bool:
    return address != approval.email and any(address in group.emails for group in approval.groups)


def _enough(groups: Iterable[ApprovalGroup], votes: Iterable[Vote]) -> bool:
    approvers = {vote.approver for vote in votes}
    return all(len(approvers.intersection(group.emails)) >= group.needed for group in groups)


def _row(request: ApprovalRequest, now: datetime) -> dict[str, Any]:
    return {
        "id": request.id,
        "subject": request.subject,
        "email": canonical(request.email),
        "app": request.app,
        "policy": request.policy,
        "purpose": request.purpose[:LONGEST_TEXT],
        "groups": [_group_json(group) for group in request.groups],
        "votes": [],
        "requested_at": now,
        "expires_at": request.expires_at,
    }


def _group_json(group: ApprovalGroup) -> dict[str, Any]:
    return {"needed": group.needed, "emails": [email.strip().lower() for email in group.emails]}


def _vote_json(vote: Vote) -> dict[str, Any]:
    micros = (vote.at - EPOCH) // timedelta(microseconds=1)
    seconds = vote.duration.total_seconds()
    return {"approver": vote.approver, "at": micros, "seconds": seconds}


def _approval(row: Row[Any]) -> Approval:
    groups = tuple(ApprovalGroup(one["needed"], tuple(one["emails"])) for one in row.groups)
    votes = tuple(
        Vote(
            one["approver"],
            EPOCH + timedelta(microseconds=one["at"]),
            timedelta(seconds=one["seconds"]),
        )
        for one in row.votes
    )
    return Approval(**(dict(row._mapping) | {"groups": groups, "votes": votes}))
