"""What the ledger costs: CPU for a span, and how long a span takes into the summaries."""

import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psutil

import fleet
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.promotion import PROMOTION_VERSION
from rak_services.derive.app import rebuilding
from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.prices import load_prices

Row = tuple[str, str, float, str]

SPANS_A_SECOND: Final = 10_000
SPANS_EACH: Final = 35
TRACES_A_SECOND: Final = SPANS_A_SECOND // SPANS_EACH
SECONDS_ALONE: Final = 20
SECONDS: Final = 90
_EVERY: Final = 0.5
_EVER: Final = (0, 2**63 - 1)

# A second of spans in one INSERT. Of each trace 20 spans come in the second in which it begins, ten
# in the next and five in the one after. Three of five spans are operations, two have tokens.
_SPANS: Final = """
INSERT INTO spans (trace_id, span_id, parent_span_id, timestamp, duration_ns, service_name,
    span_name, span_kind, status_code, operation, session_id, user_id, invocation_id, agent_name,
    llm_model, llm_request_model, llm_response_model, llm_system, tool_name, input_tokens,
    output_tokens, resource_cpu_micros, promotion_version, ingested_at, attributes_string)
WITH
    ['agent', 'llm', 'tool', '', ''][j % 5 + 1] AS operation_,
    if(operation_ = 'llm', ['gpt-4o', 'claude-sonnet-4-5', 'o3'][t % 3 + 1], '') AS model
SELECT
    lower(hex(sipHash128(t))), lower(hex(sipHash64(t, j))),
    if(j = 0, '', lower(hex(sipHash64(t, intDiv(j - 1, 3))))),
    now64(9) - toIntervalMillisecond(rand() % 1000), rand() % 3000000000,
    concat('agents-', toString(t % 10)),
    ['agent.run', 'llm.generate', 'execute_tool search', 'GET /', 'SELECT'][j % 5 + 1],
    'INTERNAL', if(rand() % 50 = 0, 'ERROR', 'OK'), operation_,
    concat('session-', toString(t % 5000)), concat('user-', toString(t % 997)),
    lower(hex(sipHash64(t))), if(operation_ = 'agent', concat('agent-', toString(j)), ''),
    model, model, model, if(model = '', '', 'openai'),
    if(operation_ = 'tool', concat('tool-', toString(j % 3)), ''),
    if(operation_ IN ('agent', 'llm'), rand() % 3000, 0),
    if(operation_ IN ('agent', 'llm'), rand() % 300, 0),
    rand() % 1000000, {version}, now64(3),
    map('http.request.method', 'POST', 'gen_ai.operation.name', operation_)
FROM (
    SELECT
        number % {each} AS j,
        {first} + intDiv(number, {each}) - {traces} * ((j >= 20) + (j >= 30)) AS t
    FROM numbers({each} * {traces})
)
WHERE t >= 0
"""
_OPERATIONS: Final = "SELECT count() FROM spans WHERE operation != ''"
_SUMMED_UP: Final = "SELECT sum(entries) FROM agent_execution_summary_states FINAL"


def run() -> list[Row]:
    """Store spans for a while, first alone and then beside `rak-derive`, and rebuild them.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with contextlib.ExitStack() as until_the_end:
        folder = Path(until_the_end.enter_context(tempfile.TemporaryDirectory()))
        ports = fleet.Ports()
        config = fleet.fleet_config(ports, folder)
        _, engine = until_the_end.enter_context(fleet.engine(folder, ports.engine))
        fleet.migrate(config, folder, "--only", "tables")
        inserter = until_the_end.enter_context(contextlib.closing(Inserter(config.clickhouse)))
        feed = _Feed(inserter)
        alone = _cpu_seconds(engine.pid)
        feed.run(SECONDS_ALONE)
        alone = (_cpu_seconds(engine.pid) - alone) / feed.spans
        with fleet.service("rak-derive", config, folder) as service:
            service.wait_ready(ports.derive_admin)
            feed.settle()
            spent = [_cpu_seconds(pid) for pid in (engine.pid, service.pid)]
            before = feed.spans
            feed.run(SECONDS)
            feed.settle()
            beside, process = (
                (_cpu_seconds(pid) - was) / (feed.spans - before)
                for pid, was in zip((engine.pid, service.pid), spent, strict=True)
            )
        setting = f"{SPANS_A_SECOND:,} spans/s, {SPANS_EACH} a trace"
        rows = [
            ("rak-derive, CPU a span", setting, process * 1e6, "us"),
            ("the engine for it, CPU a span", setting, (beside - alone) * 1e6, "us"),
            ("stored to summed up, longest", setting, max(feed.delays), "s"),
            ("stored to summed up, mean", setting, sum(feed.delays) / len(feed.delays), "s"),
        ]
        begun = time.perf_counter()
        with rebuilding(config, Rules(load_prices(""))) as parts:
            parts["ledger"](*_EVER)
        took = time.perf_counter() - begun
        return [*rows, ("rebuild of what is right", "", feed.spans / took, "spans/s")]


@dataclass(slots=True)
class _Feed:
    """Stores spans, and notes how long they take into the summaries.

    Attributes:
        inserter: Where to.
        spans: How many were stored.
        delays: Seconds from each INSERT since there are summaries to its last entry in them.
    """

    inserter: Inserter
    spans: int = 0
    delays: list[float] = field(default_factory=list)
    _second: int = 0
    _waiting: list[tuple[int, float]] = field(default_factory=list)

    def run(self, seconds: int) -> None:
        """Store a second's spans each second."""
        for _ in range(seconds):
            due = time.monotonic() + 1
            self.inserter.execute(
                _SPANS.format(
                    first=self._second * TRACES_A_SECOND,
                    traces=TRACES_A_SECOND,
                    each=SPANS_EACH,
                    version=PROMOTION_VERSION,
                )
            )
            self._second += 1
            self.spans += TRACES_A_SECOND * SPANS_EACH
            ((operations,),) = self.inserter.execute(_OPERATIONS)
            self._waiting.append((operations, time.monotonic()))
            while time.monotonic() < due:
                self._look()
                time.sleep(_EVERY)

    def settle(self) -> None:
        """Wait until everything is summed up; what was waited for until now counts as no delay."""
        counted = list(self.delays)
        while self._waiting:
            self._look()
            time.sleep(_EVERY)
        if not counted:
            self.delays.clear()

    def _look(self) -> None:
        ((summed_up,),) = self.inserter.execute(_SUMMED_UP)
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= summed_up:
            self.delays.append(now - self._waiting.pop(0)[1])


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
