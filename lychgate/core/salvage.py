"""What can still be decided from a store that is broken somewhere: refuse there, go on elsewhere.

Only a start needs this; while a process runs it keeps its last good snapshot. An application that
does not compile keeps its destinations and loses its policies, so that everybody is refused there
and no less specific application takes its place.
"""

from collections.abc import Mapping
from dataclasses import replace

from lychgate.core.certificates import compile_authorities
from lychgate.core.compiling import Compiler
from lychgate.core.model import (
    Application,
    CertificateId,
    ClientAuthority,
    Destination,
    PolicyId,
    Records,
)
from lychgate.core.snapshot import Setting, app_problems
from lychgate.core.urls import normalise
from lychgate.errors import Problem


def salvage(records: Records, setting: Setting) -> tuple[Records, tuple[Problem, ...]]:
    """The records with everything broken made harmless, and what was broken."""
    problems: list[Problem] = []
    apps = {}
    compiler = Compiler(records, setting.country_known)
    for id, app in records.applications.items():
        found = app_problems(app, compiler)
        problems.extend(found)
        apps[id] = _closed(app) if found else app
    used = {policy for app in apps.values() for policy in app.policies}
    groups = {
        id: group for id, group in records.groups.items() if not compiler.problems_of_group(id)
    }
    kept = {id: policy for id, policy in records.policies.items() if PolicyId(id) in used}
    return replace(
        records,
        applications=apps,
        policies=kept,
        groups=groups,
        certificates=_readable(records, problems),
    ), tuple(problems)


def _readable(records: Records, problems: list[Problem]) -> Mapping[CertificateId, ClientAuthority]:
    """Without a broken one no client certificate counts at its hosts."""
    kept = {}
    for id, one in records.certificates.items():
        found: list[Problem] = []
        compile_authorities([one], found)
        problems.extend(found)
        if not found:
            kept[id] = one
    return kept


def _closed(app: Application) -> Application:
    return replace(
        app,
        destinations=tuple(replace(one, public=()) for one in app.destinations if _can_be(one)),
        policies=(),
        allowed_idps=(),
        service_token_header=None,
        options_preflight_bypass=False,
    )


def _can_be(destination: Destination) -> bool:
    return normalise(destination.path or "/", encoded_slash=True) is not None
