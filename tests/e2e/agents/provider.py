"""A provider of models on a loopback port: answers in the shapes of two vendors and keeps books.

Chat completions, plain and streamed, and embeddings are OpenAI's; messages are Anthropic's. What it
answers is the request's plan (`plans.py`); how many tokens that took is drawn from a counter, so
that no two requests cost the same.
"""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from e2e.agents import plans
from e2e.agents.books import Books, Usage
from e2e.agents.plans import Plan, Step

Body = dict[str, Any]


class Provider:
    """The provider's books and what it remembers of each session.

    Attributes:
        books: What was billed.
        url: Where it listens; OpenAI's paths are under `/v1`.
        failed: How many requests of each session were answered with an error.
    """

    def __init__(self, url: str) -> None:
        self.books = Books()
        self.url = url
        self.failed: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def failure(self, session: str, plan: Plan) -> int | None:
        """Return the status that this request is to fail with, if it is."""
        with self._lock:
            done = self.failed[session]
            if done >= len(plan.failures):
                return None
            self.failed[session] += 1
            return plan.failures[done]

    def usage(self, step: Step) -> Usage:
        """Draw what an answer takes; every number is another one in every request."""
        with self._lock:
            number = next(self._numbers)
        return Usage(
            input=2_000 + 31 * number,
            output=300 + 17 * number,
            cache_read=1_000 + 7 * number if step.cached else 0,
            cache_write=500 + 3 * number if step.written else 0,
            reasoning=100 + 5 * number if step.reasoning else 0,
        )

    def bill(self, model: str, usage: Usage, headers: Mapping[str, str]) -> str:
        """Write a request into the books and return the model that answers it."""
        _, trace_id, span_id, _ = (headers.get("traceparent") or "---").split("-")
        return self.books.bill(
            model,
            usage,
            session=headers.get(plans.SESSION_HEADER, ""),
            agent=headers.get(plans.AGENT_HEADER, ""),
            user=headers.get(plans.USER_HEADER, ""),
            trace_id=trace_id,
            span_id=span_id,
        )


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    provider: Provider

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: what matters is in the books."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == plans.BILLED_ELSEWHERE:
            self.provider.bill(body["model"], Usage(body["input"], body["output"]), self.headers)
            self._answer(200, {})
            return
        plan = msgspec.json.decode(self.headers[plans.PLAN_HEADER], type=Plan)
        status = self.provider.failure(self.headers[plans.SESSION_HEADER], plan)
        if status is not None:
            self._answer(status, {"error": {"message": "come again", "type": "overloaded"}})
        elif self.path.endswith("/embeddings"):
            self._embeddings(body)
        elif self.path.endswith("/messages"):
            self._messages(body, _step(plan, body))
        else:
            self._chat(body, _step(plan, body))

    def _embeddings(self, body: Body) -> None:
        usage = Usage(input=self.provider.usage(Step()).input)
        model = self.provider.bill(body["model"], usage, self.headers)
        counts = {"prompt_tokens": usage.input, "total_tokens": usage.input}
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
        self._answer(200, {"object": "list", "data": data, "model": model, "usage": counts})

    def _chat(self, body: Body, step: Step) -> None:
        usage = self.provider.usage(step)
        model = self.provider.bill(body["model"], usage, self.headers)
        counts = {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
        }
        answer = {"id": f"chat-{usage.input}", "created": 1_764_000_000, "model": model}
        message = _message(step, usage.input)
        finish = "tool_calls" if step.tools else "stop"
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": finish, "message": message}
            answer |= {"object": "chat.completion", "choices": [choice], "usage": counts}
            self._answer(200, answer)
            return
        answer["object"] = "chat.completion.chunk"
        for call, number in zip(message.get("tool_calls", []), itertools.count(), strict=False):
            call["index"] = number
        parts = [
            {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        ]
        if body.get("stream_options", {}).get("include_usage"):
            parts.append({"choices": [], "usage": counts})
        self._stream([("", answer | part) for part in parts])

    def _messages(self, body: Body, step: Step) -> None:
        usage = self.provider.usage(step)
        model = self.provider.bill(body["model"], usage, self.headers)
        # Anthropic's input leaves out what was read from the cache and written to it.
        counts = {
            "input_tokens": usage.input - usage.cache_read - usage.cache_write,
            "cache_read_input_tokens": usage.cache_read,
            "cache_creation_input_tokens": usage.cache_write,
            "output_tokens": usage.output,
        }
        answer = {
            "id": f"msg-{usage.input}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": _content(step, usage.input),
            "stop_reason": "tool_use" if step.tools else "end_turn",
            "stop_sequence": None,
            "usage": counts,
        }
        if not body.get("stream"):
            self._answer(200, answer)
            return
        begun = answer | {
            "content": [],
            "stop_reason": None,
            "usage": counts | {"output_tokens": 1},
        }
        ended = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
        parts: list[Body] = [
            {"type": "message_start", "message": begun},
            *_blocks(answer["content"]),
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": usage.output}},
            {"type": "message_stop"},
        ]
        self._stream([(part["type"], part) for part in parts])

    def _answer(self, status: int, body: Body) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        # The SDKs wait for as long as this says before they come again.
        self.send_header("Retry-After-Ms", "1")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: list[tuple[str, Body]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for name, event in events:
            head = f"event: {name}\n" if name else ""
            self.wfile.write(f"{head}data: {json.dumps(event)}\n\n".encode())
        if not events[0][0]:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _step(plan: Plan, body: Body) -> Step:
    """Return the step that a conversation has come to: one for each answer it has so far."""
    turns = sum(message["role"] == "assistant" for message in body["messages"])
    return plan.steps[min(turns, len(plan.steps) - 1)]


def _message(step: Step, number: int) -> Body:
    if not step.tools:
        return {"role": "assistant", "content": "done"}
    calls = [
        {
            "id": f"call-{number}-{place}",
            "type": "function",
            "function": {"name": tool, "arguments": step.arguments},
        }
        for place, tool in enumerate(step.tools)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _content(step: Step, number: int) -> list[Body]:
    if not step.tools:
        return [{"type": "text", "text": "done"}]
    arguments = json.loads(step.arguments)
    return [
        {"type": "tool_use", "id": f"call-{number}-{place}", "name": tool, "input": arguments}
        for place, tool in enumerate(step.tools)
    ]


def _blocks(content: list[Body]) -> Iterator[Body]:
    """Give an answer's content in the events that Anthropic streams it in."""
    for place, block in enumerate(content):
        if block["type"] == "text":
            begun, delta = {"text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            arguments = json.dumps(block["input"])
            begun, delta = {"input": {}}, {"type": "input_json_delta", "partial_json": arguments}
        yield {"type": "content_block_start", "index": place, "content_block": block | begun}
        yield {"type": "content_block_delta", "index": place, "delta": delta}
        yield {"type": "content_block_stop", "index": place}


@contextmanager
def local_provider() -> Iterator[Provider]:
    """Run a provider in threads of this process, on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    handler = type("ProviderHandler", (Handler,), {"provider": provider})
    server.RequestHandlerClass = handler
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
