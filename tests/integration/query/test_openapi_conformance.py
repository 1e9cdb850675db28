"""schemathesis asks what the OpenAPI document allows, and what it does not.

`RAK_TEST_API_EXAMPLES` is the number of generated requests for each operation; `make soak` takes
many, and every edge of every parameter beside them.
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from integration.query.api_client import Api
from integration.query.conftest import Corpus
from rak_services.query.openapi import openapi_document
from rak_services.query.parameter_types import Duration

DEFAULT_EXAMPLES = 60
EXAMPLES = int(os.environ.get("RAK_TEST_API_EXAMPLES", DEFAULT_EXAMPLES))

document = schemathesis.openapi.from_dict(openapi_document())
# Every edge of every parameter, by itself: hundreds of requests an operation.
document.config.phases.coverage.enabled = EXAMPLES > DEFAULT_EXAMPLES
answered: Counter[tuple[str, int]] = Counter()
with_cursor = itertools.count()
EACH_WITH_CURSOR = 4


def requests_to(path: str, examples: int = EXAMPLES) -> Callable[[Callable[..., None]], Any]:
    """Give a test many requests to the operation of one path, as its `case`.

    Each path has a test of its own: tests of one name would all have one id, and what runs tests
    side by side takes those for one test.
    """
    drawn = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    return lambda test: document.include(path=path).parametrize()(drawn(test))


@requests_to("/api/v1/traces")
def test_a_search_is_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/traces/{trace_id}")
def test_a_trace_is_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/traces/{trace_id}/ledger", EXAMPLES // 3)
def test_a_traces_ledger_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/sessions", EXAMPLES // 3)
def test_sessions_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/sessions/{session_id}", EXAMPLES // 3)
def test_a_session_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/users", EXAMPLES // 3)
def test_users_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/invocations/{invocation_id}", EXAMPLES // 3)
def test_an_invocation_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/services")
def test_services_are_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/services/operations")
def test_operations_are_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/semconv/coverage", EXAMPLES // 3)
def test_coverage_is_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/pipeline")
def test_the_account_is_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/traces/{trace_id}/logs", EXAMPLES // 3)
def test_a_traces_logs_are_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/logs", EXAMPLES // 3)
def test_logs_are_answered_as_documented(case: schemathesis.Case, api: Api, corpus: Corpus) -> None:
    check_answers(case, api)


@requests_to("/api/v1/logs/histogram", EXAMPLES // 3)
def test_counts_of_logs_are_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/logs/tail", EXAMPLES // 3)
def test_a_tail_is_answered_as_documented(
    case: schemathesis.Case, api: Api, corpus: Corpus
) -> None:
    """One that would last is asked for what is there now."""
    query = dict(case.query or {})
    try:
        Duration.parse(str(query.get("duration", "0s")))
    except ValueError:
        pass
    else:
        query["duration"] = "0s"
    case.query = query
    check_answers(case, api)


@requests_to("/api/v1/metrics", EXAMPLES // 3)
def test_metrics_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/metrics/labels", EXAMPLES // 3)
def test_labels_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/metrics/label-values", EXAMPLES // 3)
def test_texts_of_labels_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/metrics/query", EXAMPLES // 3)
def test_metrics_over_time_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/metrics/exemplars", EXAMPLES // 3)
def test_exemplars_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/profiles", EXAMPLES // 3)
def test_profiles_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/profiles/flamegraph", EXAMPLES // 3)
def test_flame_graphs_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/profiles/diff", EXAMPLES // 3)
def test_differences_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/profiles/hotspots", EXAMPLES // 3)
def test_hotspots_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/profiles/{profile_id}", EXAMPLES // 3)
def test_a_profile_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/profiles/{profile_id}/raw", EXAMPLES // 3)
def test_a_profiles_bytes_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/traces/{trace_id}/profile", EXAMPLES // 3)
def test_a_traces_profile_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/memory", EXAMPLES // 3)
def test_memory_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/memory/allocators", EXAMPLES // 3)
def test_allocators_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/services/dependencies", EXAMPLES // 3)
def test_calls_between_services_are_answered_as_documented(
    case: schemathesis.Case, api: Api
) -> None:
    check_answers(case, api)


@requests_to("/api/v1/agents", EXAMPLES // 3)
def test_agents_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/agents/{agent}", EXAMPLES // 3)
def test_an_agent_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/llm", EXAMPLES // 3)
def test_models_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/llm/{model}", EXAMPLES // 3)
def test_a_model_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/tools", EXAMPLES // 3)
def test_tools_are_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


@requests_to("/api/v1/tools/{tool}", EXAMPLES // 3)
def test_a_tool_is_answered_as_documented(case: schemathesis.Case, api: Api) -> None:
    check_answers(case, api)


def check_answers(case: schemathesis.Case, api: Api) -> None:
    """Expect no 5xx, and no status, content type, header or body that the document does not name.

    A cursor cannot be made up, so most requests that have one are sent without. What fits the
    document may still be refused, since it cannot say that a range must not be empty. And what was
    wrong may have been the cursor alone.
    """
    unchecked = [positive_data_acceptance]
    if "cursor" in (case.query or {}) and next(with_cursor) % EACH_WITH_CURSOR:
        case.query.pop("cursor")
        unchecked.append(negative_data_rejection)
    answer = case.call(base_url=api.base)
    case.validate_response(answer, excluded_checks=unchecked)
    answered[case.operation.path, answer.status_code] += 1


def test_questions_and_mistakes_were_among_them() -> None:
    """The tests above can fail: requests of both kinds reached every operation."""
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
