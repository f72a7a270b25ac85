"""Clients and origins cannot tell whether Envoy asked over gRPC or another proxy over HTTP."""

import pytest

from tests.httpcheck.conftest import Through
from tests.parity.cases import CASES, Case, Then
from tests.parity.test_parity import with_tokens
from tests.support.both import Answers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_as_with_grpc(both: Through, case: Case) -> None:
    headers = with_tokens(both.catalogue, case.headers)
    sent = (case.target, case.host, headers, case.method, case.body)
    answers = both.ask(*sent)
    match case.then:
        case Then.OK:
            for seen in answers.ok(case.who, case.app):
                assert (seen.method, seen.target) == (case.method, case.arrives or case.target)
                assert seen.body == case.body
        case Then.PASSED:
            answers.passed()
        case Then.LOGIN:
            answers.login(case.app)
        case Then.DENIED | Then.OWN:
            answers.denied(case.status)
    reference = Through(both.catalogue, "envoy").ask(*sent)
    Answers(both.catalogue, (*reference, *answers)).same()
