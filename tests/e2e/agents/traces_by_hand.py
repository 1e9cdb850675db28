"""Traces made by hand, span by span, where no SDK makes them, and sent as OTLP all the same."""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from e2e.agents.books import Books, Usage

SECOND = 10**9
SPANS_PER_REQUEST = 2_000
BY_HAND = ("by-hand", "1.0")

Attribute = str | int | float | bool | Sequence[str]


def _any_value(value: Attribute) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))


def _attributes(values: Mapping[str, Attribute]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in values.items()]


@dataclass
class Trace:
    """A trace while it is made; each span begins a second after the one before.

    Attributes:
        books: Where its calls of models are billed.
        session: Whose they are billed to; no span names it unless its attributes do.
        begin: When the first span begins, unix nanoseconds.
        scope: The instrumentation's name and version.
        spans: The spans so far, each with its service.
    """

    books: Books
    session: str
    begin: int
    scope: tuple[str, str] = BY_HAND
    trace_id: bytes = field(default_factory=lambda: random.randbytes(16))
    spans: list[tuple[str, Span]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def add(
        self,
        name: str,
        attributes: Mapping[str, Attribute],
        parent: bytes = b"",
        *,
        service: str = "by-hand",
        failed: bool = False,
        seconds: int = 1,
    ) -> bytes:
        """Add a span and return its id."""
        start = self.begin + next(self._numbers) * SECOND
        status = Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET
        span = Span(
            trace_id=self.trace_id,
            span_id=random.randbytes(8),
            parent_span_id=parent,
            name=name,
            start_time_unix_nano=start,
            end_time_unix_nano=start + seconds * SECOND,
            attributes=_attributes(attributes),
            status=Status(code=status),
        )
        self.spans.append((service, span))
        return span.span_id

    def bill(self, span_id: bytes, model: str, usage: Usage, agent: str, user: str = "") -> None:
        """Write into the books what a span stands for."""
        span = next(span for _, span in self.spans if span.span_id == span_id)
        self.books.bill(
            model,
            usage,
            answered=model,
            session=self.session,
            agent=agent,
            user=user,
            trace_id=self.trace_id.hex(),
            span_id=span_id.hex(),
            at=datetime.fromtimestamp(span.start_time_unix_nano // SECOND, UTC),
        )

    def requests(self) -> list[bytes]:
        """Return the OTLP requests that tell the trace."""
        return requests(self.spans, self.scope)


def requests(spans: Sequence[tuple[str, Span]], scope: tuple[str, str]) -> list[bytes]:
    """Return the OTLP requests that tell some spans, each with its service."""
    bodies = []
    for place in range(0, len(spans), SPANS_PER_REQUEST):
        request = ExportTraceServiceRequest()
        for service, part in itertools.groupby(
            spans[place : place + SPANS_PER_REQUEST], lambda item: item[0]
        ):
            resource_spans = request.resource_spans.add()
            resource_spans.resource.attributes.extend(_attributes({"service.name": service}))
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name, scope_spans.scope.version = scope
            scope_spans.spans.extend(span for _, span in part)
        bodies.append(request.SerializeToString())
    return bodies


def until_1_36(model: str, usage: Usage) -> dict[str, Attribute]:
    """Tell a call of a model as the semantic conventions did in their first years."""
    return {
        "gen_ai.system": "openai",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.prompt_tokens": usage.input,
        "gen_ai.usage.completion_tokens": usage.output,
    }


def until_1_41(model: str, usage: Usage) -> dict[str, Attribute]:
    """Tell it as the semantic conventions did from 1.37 to 1.41."""
    return {
        "gen_ai.provider.name": "openai",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
    }


def later(model: str, usage: Usage) -> dict[str, Attribute]:
    """Tell it as the conventions of generative AI do that left the others."""
    told = until_1_41(model, usage)
    del told["gen_ai.usage.cache_creation.input_tokens"]
    return told | {"gen_ai.usage.cache_write.input_tokens": usage.cache_write}


def rak(model: str, usage: Usage) -> dict[str, Attribute]:
    """Tell it in RAK's own names; `token_count` is all of it."""
    return {
        "llm_model": model,
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "token_count": usage.all,
    }


SPELLINGS = {"1.36": until_1_36, "1.41": until_1_41, "later": later, "rak": rak}
