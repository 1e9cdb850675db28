"""A conversation put together from what the spans of its traces tell.

Every call of a model repeats what was said before, an agent's span repeats what its calls tell, and
a call of a tool is told by the model that wished it, by the span of the tool, and by every later
call. So:

- What an agent's calls were told is one growing history. The inputs of a call are compared with it
  in order: a message that follows, in the history, what was found before is an old one.
- An old message of another agent, which was handed over, is old as often as others were told it.
- The message that a run begins with was said anew, though its words may not be new.
- A span that repeats others comes last of its trace, and its outputs are compared too.
- A call of a tool and its result are shown once in a trace: by id or, without, by name and content,
  as often as one side tells of it.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import NamedTuple

from rak_services.query.sessions.messages import (
    Message,
    Part,
    Told,
    ToolCall,
    ToolResult,
    content_key,
    message_key,
)
from rak_services.query.sessions.sources import told_by
from rak_services.query.sessions.span_content import SpanContent


class Line(NamedTuple):
    """One message of a transcript: when it was told, by which span, and as which of its own."""

    timestamp: int
    trace_id: str
    span_id: str
    ordinal: int
    agent: str
    message: Message


class _Age(Enum):
    """What a message is to an agent: new, known from others alone, or part of its history."""

    NEW = auto()
    FROM_OTHERS = auto()
    OLD = auto()


@dataclass(slots=True)
class _History:
    """What an agent's calls were told so far, in order, by key."""

    places: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    length: int = 0
    told: Counter[str] = field(default_factory=Counter)
    from_others: Counter[str] = field(default_factory=Counter)

    def ages(self, keys: Sequence[str], told_by_all: Counter[str]) -> list[_Age]:
        """Compare messages with the history in order.

        Args:
            keys: Of the messages.
            told_by_all: How often each was told by any agent.
        """
        ages: list[_Age] = []
        begin = 0
        for key in keys:
            places = self.places.get(key, [])
            index = bisect_left(places, begin)
            if index < len(places):
                begin = places[index] + 1
                ages.append(_Age.OLD)
            elif told_by_all[key] - self.told[key] > self.from_others[key]:
                self.from_others[key] += 1
                ages.append(_Age.FROM_OTHERS)
            else:
                ages.append(_Age.NEW)
        return ages

    def add(self, key: str) -> None:
        """Add a message at the end."""
        self.places[key].append(self.length)
        self.length += 1


@dataclass(slots=True)
class _ToolTales:
    """Calls of tools, or results, that one trace has told of: models and tools tell the same."""

    ids: set[str] = field(default_factory=set)
    told: dict[bool, Counter[str]] = field(
        default_factory=lambda: {True: Counter(), False: Counter()}
    )

    def is_new(self, part: ToolCall | ToolResult, *, by_tool: bool, again: bool) -> bool:
        """Note that one side tells of it, and return whether it had not been told.

        Args:
            part: The call, or the result.
            by_tool: Whether the span of a tool tells it, and not a model's.
            again: Whether that span repeats another, so that its own side may have told it too.
        """
        key = content_key(part)
        mine, theirs = self.told[by_tool], self.told[not by_tool]
        old = part.id in self.ids or (mine[key] > 0 if again else theirs[key] > mine[key])
        mine[key] += 1
        if part.id:
            self.ids.add(part.id)
        return not old


class Transcript:
    """Puts traces together, one after another in the order of a session."""

    def __init__(self) -> None:
        self._histories: defaultdict[str, _History] = defaultdict(_History)
        self._told: Counter[str] = Counter()

    def lines_of(self, spans: Iterable[SpanContent]) -> list[Line]:
        """Return what the spans of the next trace tell that was not told before, by time."""
        trace = _Trace(self._histories, self._told)
        for span in sorted(spans, key=_order):
            trace.tell(span)
        # Of one time, in the order of telling.
        return sorted(trace.lines, key=lambda line: line.timestamp)


def _order(span: SpanContent) -> tuple[bool, int, int, str]:
    """Sort spans that tell of their own work by their begin; others come last, inner ones first."""
    repeats = _may_repeat(span)
    return repeats, span.end if repeats else span.timestamp, -span.timestamp, span.span_id


def _may_repeat(span: SpanContent) -> bool:
    return span.repeats or span.operation not in {"llm", "tool"}


class _Trace:
    """One trace of a transcript."""

    def __init__(self, histories: defaultdict[str, _History], told: Counter[str]) -> None:
        self.lines: list[Line] = []
        self._histories = histories
        self._told = told
        self._calls, self._results = _ToolTales(), _ToolTales()
        self._times: list[tuple[int, int]] = []
        self._agents: set[str] = set()
        self._shown: set[str] = set()

    def tell(self, span: SpanContent) -> None:
        """Add what one span tells that was not told before."""
        ordinal = 0
        for told in told_by(span):
            messages = (*told.inputs, *told.outputs)
            begin, end = told.times or (span.timestamp, span.end)
            for number, (message, is_new) in enumerate(
                zip(messages, self._news(span, told), strict=True)
            ):
                shown = self._unseen(message, span) if is_new else None
                if shown is not None:
                    time = begin if number < len(told.inputs) else end
                    line = Line(time, span.trace_id, span.span_id, ordinal, span.agent, shown)
                    self.lines.append(line)
                    ordinal += 1
            if messages and not _may_repeat(span):
                self._times.append((span.timestamp, span.end))

    def _news(self, span: SpanContent, told: Told) -> list[bool]:
        """Return which messages, inputs then outputs, are new to the agent."""
        if span.operation == "tool":
            return [True] * len((*told.inputs, *told.outputs))
        return self._compare(span, told)

    def _compare(self, span: SpanContent, told: Told) -> list[bool]:
        """Return which messages, inputs then outputs, are new to the agent; remember them all."""
        history = self._histories[span.agent]
        messages = (*told.inputs, *told.outputs)
        keys = [message_key(message) for message in messages]
        compared = len(messages) if self._repeats(span) else len(told.inputs)
        ages = history.ages(keys[:compared], self._told)
        ages += [_Age.NEW] * (len(messages) - compared)
        if self._begins_run(span, told, keys):
            ages[len(told.inputs) - 1] = _Age.NEW
        self._agents.add(span.agent)
        for key, age in zip(keys, ages, strict=True):
            if age is not _Age.OLD:
                history.add(key)
            if age is _Age.NEW:
                history.told[key] += 1
                self._told[key] += 1
                self._shown.add(key)
        return [age is _Age.NEW for age in ages]

    def _repeats(self, span: SpanContent) -> bool:
        """Whether a span may tell again what others told meanwhile."""
        return span.repeats or (
            _may_repeat(span)
            and any(begin <= span.end and end >= span.timestamp for begin, end in self._times)
        )

    def _begins_run(self, span: SpanContent, told: Told, keys: Sequence[str]) -> bool:
        """Whether a user's last words, new or not, are what an agent's first call is about."""
        if span.agent in self._agents or not told.inputs or told.inputs[-1].role != "user":
            return False
        return keys[len(told.inputs) - 1] not in self._shown

    def _unseen(self, message: Message, span: SpanContent) -> Message | None:
        """Return a message without what the trace has shown of tools; None when that was all."""
        parts = tuple(part for part in message.parts if self._is_new(part, span))
        return replace(message, parts=parts) if parts else None

    def _is_new(self, part: Part, span: SpanContent) -> bool:
        by_tool = span.operation == "tool"
        again = by_tool and span.repeats
        if isinstance(part, ToolCall):
            return self._calls.is_new(part, by_tool=by_tool, again=again)
        if isinstance(part, ToolResult):
            return self._results.is_new(part, by_tool=by_tool, again=again)
        return True
