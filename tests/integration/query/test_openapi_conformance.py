"""schemathesis asks what the OpenAPI document allows, and what it does not.

`RAK_TEST_API_EXAMPLES` is the number of generated requests for each operation; `make soak` takes
many.
"""

import os
from collections import Counter

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from integration.query.api_client import Api
from integration.query.conftest import Corpus
from rak_services.query.openapi import openapi_document

EXAMPLES = int(os.environ.get("RAK_TEST_API_EXAMPLES", "60"))

document = schemathesis.openapi.from_dict(openapi_document())
answered: Counter[tuple[str, int]] = Counter()


@document.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case: schemathesis.Case, api: Api, corpus: Corpus) -> None:
    """No 5xx, and no status, content type, header or body that the document does not name.

    A cursor cannot be made up, so each request is also sent without. What fits the document may
    still be refused, since it cannot say that a range must not be empty.
    """
    while True:
        answer = case.call(base_url=api.base)
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        answered[case.operation.path, answer.status_code] += 1
        if "cursor" not in (case.query or {}):
            return
        case.query.pop("cursor")


def test_questions_and_mistakes_were_among_them() -> None:
    """The test above can fail: requests of both kinds reached every operation."""
    for path in openapi_document()["paths"]:
        found = {status for asked, status in answered if asked == path}
        assert found >= {400, 404 if "{" in path else 200}, (path, answered)


def test_the_checks_that_matter_are_made() -> None:
    """A release of schemathesis that renames or drops them is noticed."""
    assert not_a_server_error in schemathesis.checks.CHECKS.get_all()
    assert {
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
    } <= {check.__name__ for check in schemathesis.checks.CHECKS.get_all()}
