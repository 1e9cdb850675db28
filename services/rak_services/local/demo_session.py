"""One session of a user with agents, told as the spans, lines of log and profiles of its services.

Each turn makes one trace, shaped as RAK's client makes it: `runner.run` over `agent.run`, under it
model calls (`call_llm` or `llm.generate`) and `execute_tool` spans, some of which make an
`http.request`; one has another agent work, in a service of its own. As most clients do, an agent
repeats what the models and agents below it used.
"""

import json
import random
import uuid
from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import SpanKind, Status, StatusCode

from rak_services.local.demo_agents import (
    EMBEDDING_MODEL,
    EMBEDDING_SYSTEM,
    EMBEDS,
    SUMMARISER,
    TAKES_OVER,
    Agent,
)
from rak_services.local.demo_telemetry import Telemetry
from rak_services.local.demo_telling import Clock, Telling

# A tool computes in these functions, for these shares of its time.
_TOOL_WORK = (("parse", 0.5), ("rank", 0.25), ("parse.decode_utf8", 0.125))
_MODEL_WORK = (("render_prompt", 0.01), ("parse_answer", 0.03))
_INPUT = "gen_ai.usage.input_tokens"
_OUTPUT = "gen_ai.usage.output_tokens"
_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"

Message = dict[str, Any]


def _said(role: str, content: str) -> Message:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


class Session(Telling):
    """One session, which may be handed from one agent to another.

    Attributes:
        agent: Who began it.
        trace_ids: Its traces, one for each turn.
        errors: How many of them have an error in them.
    """

    def __init__(
        self, agent: Agent, processes: Mapping[str, Telemetry], chance: random.Random, clock: Clock
    ) -> None:
        super().__init__(processes, chance, clock)
        self.agent = agent
        self.trace_ids: list[str] = []
        self.errors = 0
        self._failures = 0
        self._messages: list[Message] = []

    def run(self) -> None:
        """Play the session, a turn of the user's after the other."""
        agent = self.agent
        question = self.chance.choice(agent.questions)
        for turn in range(self.chance.randrange(1, 4)):
            if turn > 0:
                question = "And what else?"
                if agent.name in TAKES_OVER and self.chance.random() < 0.4:
                    agent = TAKES_OVER[agent.name]
            self._messages.append(_said("user", question))
            self._answer(agent)
            self.clock.advance(self.chance.uniform(10, 1000))

    def _answer(self, agent: Agent) -> None:
        self.invocation = f"inv-{uuid.uuid4()}"
        self._failures = 0
        with self.span(agent, "runner.run", SpanKind.SERVER, app_name=agent.service) as root:
            self.trace_ids.append(f"{root.get_span_context().trace_id:032x}")
            with self.agent_run(agent) as span:
                if agent.name == EMBEDS:
                    self._embed(agent)
                worked = [self._work(agent) for _ in range(self.chance.randrange(1, 4))]
                if self.chance.random() < 0.3:
                    self._delegate(agent)
                self._call_model(agent)
                if not all(worked):
                    span.set_status(Status(StatusCode.ERROR, "a tool failed"))
            self.clock.advance(1)
        self.errors += self._failures > 0
        outcome = "ok" if all(worked) else "error"
        runs = self.processes[agent.service].runs
        runs.add(1, {"agent_name": agent.name, "outcome": outcome})

    def _work(self, agent: Agent) -> bool:
        """Have the model choose a tool and call it, once more if it fails; tells whether it did."""
        tool = self.chance.choice(agent.tools)
        call_id = f"call-{uuid.uuid4()}"
        query = self._messages[0]["parts"][0]["content"]
        self._call_model(agent, tool=tool, call_id=call_id, arguments={"query": query})
        done = self._execute_tool(agent, tool, call_id, query)
        return done or self._execute_tool(agent, tool, call_id, query)

    def _delegate(self, agent: Agent) -> None:
        """Have the summariser work, as if it were a tool."""
        with self.span(
            agent,
            "execute_tool",
            agent_name=agent.name,
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name="ask_summariser",
        ):
            self.clock.advance(2)
            with (
                self.span(SUMMARISER, "runner.run", SpanKind.SERVER, app_name=SUMMARISER.service),
                self.agent_run(SUMMARISER),
            ):
                self._call_model(SUMMARISER)
            self.clock.advance(2)

    def _call_model(
        self,
        agent: Agent,
        *,
        tool: str = "",
        call_id: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        """One model call that ends with a tool's call or, without one, with an answer."""
        name = self.chance.choice(["call_llm", "llm.generate"])
        part = {"type": "tool_call", "id": call_id, "name": tool, "arguments": arguments}
        answer = (
            {"role": "assistant", "parts": [part], "finish_reason": "tool_call"}
            if tool
            else {**_said("assistant", "Here is what I found."), "finish_reason": "stop"}
        )
        with self.span(
            agent,
            name,
            SpanKind.CLIENT,
            agent_name=agent.name,
            gen_ai__operation__name="chat",
            gen_ai__provider__name=agent.system,
            gen_ai__system=agent.system,
            gen_ai__request__model=agent.model,
            gen_ai__input__messages=json.dumps(self._messages, ensure_ascii=False),
        ) as span:
            began_ns = self.clock.now_ns
            first_ms = self.chance.uniform(100, 700)
            self.clock.advance(first_ms + self.chance.uniform(200, 1800))
            self.compute(agent, span, name, _MODEL_WORK, began_ns)
            used = self._usage(agent)
            span.set_attributes(used)
            span.set_attribute("gen_ai.response.model", agent.model)
            span.set_attribute("gen_ai.response.time_to_first_chunk", first_ms / 1000)
            span.set_attribute("gen_ai.response.finish_reasons", [str(answer["finish_reason"])])
            span.set_attribute("gen_ai.output.messages", json.dumps([answer], ensure_ascii=False))
        self._messages.append(answer)

    def _usage(self, agent: Agent) -> dict[str, int]:
        """Draw what a call used, as its provider counts it, and note it in the metrics."""
        prompt, answer = self.chance.randrange(200, 6000), self.chance.randrange(20, 900)
        for kind, tokens in (("input", prompt), ("output", answer)):
            self.processes[agent.service].tokens.record(
                tokens, {"gen_ai.request.model": agent.model, "gen_ai.token.type": kind}
            )
        used = {_INPUT: prompt, _OUTPUT: answer}
        if agent.caches and prompt > 2_000:
            cached = prompt // 2
            used |= {_INPUT: prompt - cached * agent.cached_beside, _CACHE_READ: cached}
        self.spend(used)
        return used

    def _embed(self, agent: Agent) -> None:
        """Have the question's meaning looked up."""
        used = {_INPUT: self.chance.randrange(5, 60)}
        with self.span(
            agent,
            f"embeddings {EMBEDDING_MODEL}",
            SpanKind.CLIENT,
            gen_ai__operation__name="embeddings",
            gen_ai__provider__name=EMBEDDING_SYSTEM,
            gen_ai__request__model=EMBEDDING_MODEL,
            gen_ai__response__model=EMBEDDING_MODEL,
        ) as span:
            self.clock.advance(self.chance.uniform(20, 90))
            span.set_attributes(used)
        self.spend(used)

    def _execute_tool(self, agent: Agent, tool: str, call_id: str, query: str) -> bool:
        """One tool call, sometimes over HTTP; tells whether it succeeded."""
        process = self.processes[agent.service]
        with self.span(
            agent,
            "execute_tool",
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name=tool,
            gen_ai__tool__call__id=call_id,
            gen_ai__tool__call__arguments=json.dumps({"query": query}, ensure_ascii=False),
            agent_name=agent.name,
        ) as span:
            if self.chance.random() < 0.5:
                self._request(agent, tool)
            began_ns = self.clock.now_ns
            self.clock.advance(self.chance.uniform(5, 200))
            self.compute(agent, span, tool, _TOOL_WORK, began_ns)
            failed = self.chance.random() < 0.2
            if failed:
                self._failures += 1
                error = f"{tool} timed out"
                span.record_exception(TimeoutError(error), None, self.clock.now_ns)
                span.set_status(Status(StatusCode.ERROR, error))
                process.say(error, SeverityNumber.ERROR, self.clock.now_ns)
            else:
                process.say(f"{tool} is done", SeverityNumber.INFO, self.clock.now_ns)
                span.set_attribute("gen_ai.tool.call.result", f"{tool}: 3 results")
        if not failed:
            response = {"type": "tool_call_response", "id": call_id, "response": "3 results"}
            self._messages.append({"role": "tool", "parts": [response]})
        return not failed

    def _request(self, agent: Agent, tool: str) -> None:
        with self.span(
            agent,
            "http.request",
            SpanKind.CLIENT,
            http__request__method="GET",
            url__full=f"https://example.org/{tool}",
            http__response__status_code=200,
        ):
            self.clock.advance(self.chance.uniform(20, 400))
