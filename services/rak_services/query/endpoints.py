"""The API's table of contents: routing, parsing, answers, OpenAPI and `/docs` come from it."""

from typing import Final

from rak_services.query.answers import (
    OperationList,
    PipelineList,
    ServiceList,
    TraceList,
    TracePage,
)
from rak_services.query.endpoint import Endpoint
from rak_services.query.logs.answers import LogHistogram, LogList, LogRecord, TraceLogs
from rak_services.query.logs.histogram import count_logs
from rak_services.query.logs.requests import CountLogs, GetTraceLogs, SearchLogs, TailLogs
from rak_services.query.logs.search import search_logs
from rak_services.query.logs.tail import tail_logs
from rak_services.query.logs.trace_logs import get_trace_logs
from rak_services.query.metrics.answers import (
    ExemplarList,
    LabelList,
    LabelValueList,
    MetricList,
    MetricValues,
)
from rak_services.query.metrics.catalogue import list_label_values, list_labels, list_metrics
from rak_services.query.metrics.exemplars import list_exemplars
from rak_services.query.metrics.query import query_metric
from rak_services.query.metrics.requests import (
    ListExemplars,
    ListLabels,
    ListLabelValues,
    ListMetrics,
    QueryMetric,
)
from rak_services.query.pipeline import get_pipeline
from rak_services.query.problems import TooManyStreams
from rak_services.query.requests import (
    GetPipeline,
    GetTrace,
    ListOperations,
    ListServices,
    SearchTraces,
)
from rak_services.query.services_list import list_operations, list_services
from rak_services.query.trace_page import get_trace
from rak_services.query.trace_search import search_traces

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/api/v1/traces",
        request=SearchTraces,
        answer=TraceList,
        handle=search_traces,
        summary="Traces that have a span meeting every filter",
        example="start=now-15m&status=ERROR&order=-duration&limit=5",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/traces/{trace_id}",
        request=GetTrace,
        answer=TracePage,
        handle=get_trace,
        summary="Every span of one trace",
        example="limit=100",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/traces/{trace_id}/logs",
        request=GetTraceLogs,
        answer=TraceLogs,
        handle=get_trace_logs,
        summary="What was logged in one trace, by time",
        example="limit=100",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/logs",
        request=SearchLogs,
        answer=LogList,
        handle=search_logs,
        summary="Log records that meet every filter",
        example="start=now-15m&severity=WARN&q=refused&limit=5",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/logs/histogram",
        request=CountLogs,
        answer=LogHistogram,
        handle=count_logs,
        summary="How many log records there are of each severity over time",
        example="start=now-1d&service=checkout&step=1h",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/logs/tail",
        request=TailLogs,
        answer=LogRecord,
        handle=tail_logs,
        summary="Log records as they are stored, in server-sent events",
        example="severity=ERROR&duration=1m",
        streams=True,
        problems=(TooManyStreams,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/services",
        request=ListServices,
        answer=ServiceList,
        handle=list_services,
        summary="Services that sent spans",
        example="start=now-1d",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/services/operations",
        request=ListOperations,
        answer=OperationList,
        handle=list_operations,
        summary="Span names and kinds of one service, with how long they take",
        example="service=checkout&start=now-1d",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/metrics",
        request=ListMetrics,
        answer=MetricList,
        handle=list_metrics,
        summary="Metrics that were sent",
        example="prefix=http.&start=now-1d",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/metrics/labels",
        request=ListLabels,
        answer=LabelList,
        handle=list_labels,
        summary="Labels of one metric",
        example="name=http.server.duration&start=now-1d",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/metrics/label-values",
        request=ListLabelValues,
        answer=LabelValueList,
        handle=list_label_values,
        summary="Texts that a label of one metric has",
        example="name=http.server.duration&label=http.route&start=now-1d",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/metrics/query",
        request=QueryMetric,
        answer=MetricValues,
        handle=query_metric,
        summary="One metric over time, by group",
        example="name=http.server.duration&agg=p95&by=service_name&start=now-6h&step=5m",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/metrics/exemplars",
        request=ListExemplars,
        answer=ExemplarList,
        handle=list_exemplars,
        summary="Single measurements of one metric, with the spans they were made in",
        example="name=http.server.duration&start=now-1h",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/pipeline",
        request=GetPipeline,
        answer=PipelineList,
        handle=get_pipeline,
        summary="What became of everything that was received, by hour, and where the writers are",
        example="start=now-6h",
    ),
)
