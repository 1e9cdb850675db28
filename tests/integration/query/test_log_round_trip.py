"""What is decoded and stored comes back as it was sent."""

import time

from hypothesis import HealthCheck, Phase, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from integration.query.api_client import Api
from log_generation import DAY_NS, canonical_logs, log_requests
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import new_batch
from rak_libs.model.logs import LOGS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_logs import decode_logs
from rak_libs.otlp.otlp_json import request_from_json
from rak_libs.runtime.settings import ClickHouseSettings

REQUESTS = 100


def generated(now_ns: int) -> list[ExportLogsServiceRequest]:
    """Draw requests from the strategy that the decoder's own tests use."""
    drawn: list[ExportLogsServiceRequest] = []

    @settings(
        max_examples=REQUESTS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(log_requests(now_ns))
    def draw(request: ExportLogsServiceRequest) -> None:
        drawn.append(request)

    draw()
    return drawn


def test_generated_requests_are_read_back_as_they_were_sent(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """100 requests in one batch, read as OTLP JSON over all pages."""
    now = time.time_ns()
    day = now - 27 * DAY_NS
    requests = generated(day)
    batch = new_batch(LOGS)
    for request in requests:
        decode_logs(request.SerializeToString(), now // 1_000_000, time_window(30, now), batch)
    inserter = Inserter(clickhouse)
    inserter.insert(LOGS, batch, {})
    inserter.close()
    asked = {"start": str(day - DAY_NS), "end": str(day + 1), "format": "otlp", "limit": "100"}
    found = []
    cursor = None
    while cursor is not None or not found:
        answer = api.get("/api/v1/logs", asked if cursor is None else {**asked, "cursor": cursor})
        assert answer.status == 200, answer.body
        found.append(request_from_json(answer.body, ExportLogsServiceRequest))
        cursor = answer.headers["Next-Cursor"]
    assert len(found) > 1
    assert canonical_logs(found) == canonical_logs(requests)
