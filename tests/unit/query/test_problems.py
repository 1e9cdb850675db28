"""One table from errors of the engine to statuses; nothing of the engine's words gets out."""

import pytest

from rak_libs.clickhouse.errors import error_of_code
from rak_services.query.problems import PROBLEMS, hit_a_limit, invalid, problem_of

SECRET = "While executing SELECT secret FROM spans"


@pytest.mark.parametrize(
    ("code", "message", "status", "is_a_limit"),
    [
        (159, "Timeout exceeded", 504, True),
        (160, "Estimated query execution time is too long", 504, True),
        (241, "Query memory limit exceeded", 422, True),
        (241, "(total) memory limit exceeded", 503, False),
        (158, "Limit for rows exceeded", 422, True),
        (396, "Limit for result exceeded", 422, True),
        (210, "Connection refused", 503, False),
        (202, "Too many simultaneous queries", 503, False),
        (60, "Unknown table", 503, False),
        (516, "Authentication failed", 503, False),
        (-1, "a value does not fit", 503, False),
        (69, "Argument out of bound", 500, False),
    ],
)
def test_an_error_of_the_engine_has_one_status(
    code: int, message: str, status: int, is_a_limit: bool
) -> None:
    error = error_of_code(code, f"{message}. {SECRET}")
    problem = problem_of(error)
    assert (problem.status, hit_a_limit(error)) == (status, is_a_limit)
    assert b"SELECT" not in problem.body()
    assert ("Retry-After" in problem.headers) == (status == 503)


def test_every_problem_has_its_own_place_in_the_documentation() -> None:
    assert len({problem.slug for problem in PROBLEMS}) == len(PROBLEMS)
    assert all(problem.title and problem.advice for problem in PROBLEMS)


def test_an_invalid_parameter_says_what_was_given_and_expected() -> None:
    problem = invalid("start", "a time before end", "now").document()
    assert problem["detail"] == "start: expected a time before end, got 'now'"
    assert problem["errors"] == [{"parameter": "start", "expected": "a time before end"}]
