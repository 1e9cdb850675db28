"""What a client is told when something is wrong: RFC 9457 problem documents, one closed set."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from rak_libs.clickhouse.errors import ClickHouseError, SchemaError, TransientClickHouseError

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_AFTER_SECONDS: Final = 5

# Codes of ClickHouse's `src/Common/ErrorCodes.cpp`.
_OUT_OF_TIME: Final = frozenset({159, 160})
_MEMORY_LIMIT: Final = 241
_OUT_OF_BOUNDS: Final = frozenset({158, 307, 396, _MEMORY_LIMIT})


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """One parameter that was refused."""

    parameter: str
    expected: str
    given: str | None = None

    @property
    def sentence(self) -> str:
        """The problem in words."""
        got = "" if self.given is None else f", got {self.given!r}"
        return f"{self.parameter}: expected {self.expected}{got}"


class ApiError(Exception):
    """Root of everything that is answered with a problem document.

    `type` of the document is the anchor of its explanation on the documentation page.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed"
    advice: ClassVar[str] = "A defect: its log says more."
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.advice)
        self.detail = detail or self.advice

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": f"/docs#problem-{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }

    def body(self) -> bytes:
        """The problem document as JSON."""
        return msgspec.json.encode(self.document())


class InvalidParameters(ApiError):
    """Parameters that are unknown, malformed, missing, repeated or contradict one another."""

    status = 400
    slug = "invalid-parameter"
    title = "A parameter is not valid"
    advice = "`parameter` names the first one; `errors` lists all, each with what was expected."

    def __init__(self, problems: list[ParameterProblem]) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = problems

    def document(self) -> dict[str, Any]:
        """The members of the problem document, with `parameter` and `errors`."""
        errors = [
            {"parameter": problem.parameter, "expected": problem.expected}
            for problem in self.problems
        ]
        return {**super().document(), "parameter": self.problems[0].parameter, "errors": errors}


def invalid(parameter: str, expected: str, given: str | None = None) -> InvalidParameters:
    """Return the error for a single parameter."""
    return InvalidParameters([ParameterProblem(parameter, expected, given)])


class NotFound(ApiError):
    """The path or the subject that it names does not exist."""

    status = 404
    slug = "not-found"
    title = "Not found"
    advice = "There is no such path, or nothing is stored under that name."


class MethodNotAllowed(ApiError):
    """The path exists, the method does not."""

    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"
    advice = "Questions are asked with GET."
    headers = {"Allow": "GET, HEAD"}  # noqa: RUF012 - constant, like the others


class QuestionTooLong(ApiError):
    """The query string is longer than a question may be."""

    status = 414
    slug = "question-too-long"
    title = "The question is too long"
    advice = "A query string may have 48 KiB."


class QuestionTooLarge(ApiError):
    """The answer would take more memory or rows than the engine may use."""

    status = 422
    slug = "question-too-large"
    title = "The question is too large"
    advice = "Ask for a shorter time, with more filters, or with a smaller limit."


class TooManyStreams(ApiError):
    """As many answers without an end are being sent as the service may send."""

    status = 429
    slug = "too-many-streams"
    title = "Too many tails"
    advice = "Every tail that this service may send is taken. Try again when another has ended."
    headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)}  # noqa: RUF012 - constant, like the others


class NotAnswerable(ApiError):
    """What is asked has no meaning for what is stored."""

    status = 422
    slug = "not-answerable"
    title = "The question has no answer"
    advice = "What is asked has no meaning for the kind of data that is stored; `detail` says why."


class EngineUnavailable(ApiError):
    """ClickHouse does not answer, is busy, or is not set up."""

    status = 503
    slug = "engine-unavailable"
    title = "The storage does not answer"
    advice = "ClickHouse cannot be asked just now; `/readyz` says why. Try again later."
    headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)}  # noqa: RUF012 - constant


class QuestionTimedOut(ApiError):
    """The question took longer than `[query] max_query_time_seconds`."""

    status = 504
    slug = "question-timed-out"
    title = "The question took too long"
    advice = "Ask for a shorter time or with more filters."


PROBLEMS: Final[tuple[type[ApiError], ...]] = (
    InvalidParameters,
    NotFound,
    MethodNotAllowed,
    QuestionTooLong,
    QuestionTooLarge,
    TooManyStreams,
    NotAnswerable,
    ApiError,
    EngineUnavailable,
    QuestionTimedOut,
)
"""Every problem that can be answered, for the documentation."""


def hit_a_limit(error: ClickHouseError) -> bool:
    """Tell whether a question ended at one of the limits of `[query]`."""
    return error.code in _OUT_OF_TIME or _is_out_of_bounds(error)


def problem_of(error: ClickHouseError) -> ApiError:
    """Return what a client is told about an error of the engine; never its text, which holds SQL.

    The one table from errors of ClickHouse to statuses.
    """
    if error.code in _OUT_OF_TIME:
        return QuestionTimedOut()
    if _is_out_of_bounds(error):
        return QuestionTooLarge()
    if isinstance(error, TransientClickHouseError | SchemaError):
        return EngineUnavailable()
    return ApiError()


def _is_out_of_bounds(error: ClickHouseError) -> bool:
    # "(total) memory limit exceeded" is the whole server's, and passes.
    if error.code == _MEMORY_LIMIT and "(total)" in error.message:
        return False
    return error.code in _OUT_OF_BOUNDS
