"""The API's table of contents: routing, parsing, answers, OpenAPI and `/docs` come from it."""

from typing import Final

from rak_services.query.answers import (
    OperationList,
    PipelineList,
    ServiceList,
    TraceList,
    TracePage,
)
from rak_services.query.endpoint import Endpoint, OtherFormat
from rak_services.query.invocations.answers import Invocation
from rak_services.query.invocations.one_invocation import get_invocation
from rak_services.query.invocations.requests import GetInvocation
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
from rak_services.query.profiles.answers import (
    AllocatorList,
    FlameGraph,
    HotspotList,
    MemoryList,
    Profile,
    ProfileDiff,
    ProfileList,
)
from rak_services.query.profiles.diff import diff_profiles
from rak_services.query.profiles.flamegraph import get_flamegraph, get_trace_profile
from rak_services.query.profiles.hotspots import list_hotspots
from rak_services.query.profiles.listing import search_profiles
from rak_services.query.profiles.memory import list_allocators, list_memory
from rak_services.query.profiles.one_profile import get_profile, get_raw_profile
from rak_services.query.profiles.requests import (
    DiffProfiles,
    GetFlameGraph,
    GetProfile,
    GetTraceProfile,
    ListAllocators,
    ListHotspots,
    ListMemory,
    SearchProfiles,
)
from rak_services.query.requests import (
    GetPipeline,
    GetTrace,
    ListOperations,
    ListServices,
    SearchTraces,
)
from rak_services.query.semconv.answers import CoverageList
from rak_services.query.semconv.coverage import get_coverage
from rak_services.query.semconv.requests import GetCoverage
from rak_services.query.services_list import list_operations, list_services
from rak_services.query.sessions.answers import SessionList, SessionPage, UserList
from rak_services.query.sessions.listing import list_sessions, list_users
from rak_services.query.sessions.one_session import get_session
from rak_services.query.sessions.requests import GetSession, ListSessions, ListUsers
from rak_services.query.trace_ledger import GetTraceLedger, TraceLedger, get_trace_ledger
from rak_services.query.trace_page import get_trace
from rak_services.query.trace_search import search_traces
from rak_services.query.work.agents import get_agent, list_agents
from rak_services.query.work.answers import (
    Agent,
    AgentList,
    DependencyList,
    Model,
    ModelList,
    Tool,
    ToolList,
)
from rak_services.query.work.dependencies import list_dependencies
from rak_services.query.work.models import get_model, list_models
from rak_services.query.work.requests import (
    GetAgent,
    GetModel,
    GetTool,
    ListAgents,
    ListDependencies,
    ListModels,
    ListTools,
)
from rak_services.query.work.tools import get_tool, list_tools

OTLP_JSON: Final = OtherFormat("application/json", "OTLP JSON", "object")
PPROF: Final = OtherFormat("application/octet-stream", "pprof")
PROFILE_FORMATS: Final = (
    PPROF,
    OtherFormat("text/plain", "Folded stacks"),
    OtherFormat("application/json", "speedscope", "object"),
)

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
        formats=(OTLP_JSON,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/traces/{trace_id}/logs",
        request=GetTraceLogs,
        answer=TraceLogs,
        handle=get_trace_logs,
        summary="What was logged in one trace, by time",
        example="limit=100",
        formats=(OTLP_JSON,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/traces/{trace_id}/profile",
        request=GetTraceProfile,
        answer=FlameGraph,
        handle=get_trace_profile,
        summary="The call tree of what was spent in one trace",
        example="ignore=^runtime",
        formats=PROFILE_FORMATS,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/traces/{trace_id}/ledger",
        request=GetTraceLedger,
        answer=TraceLedger,
        handle=get_trace_ledger,
        summary="What each span of one trace used and spent, and what the trace sums up to",
        example="limit=100",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/sessions",
        request=ListSessions,
        answer=SessionList,
        handle=list_sessions,
        summary="Sessions: what their traces used, spent and ran into",
        example="start=now-1d&order=-cost&limit=5",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/sessions/{session_id:path}",
        request=GetSession,
        answer=SessionPage,
        handle=get_session,
        summary="One session: its sums, its traces in order, and what was said in it",
        example="max_content=500",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/invocations/{invocation_id:path}",
        request=GetInvocation,
        answer=Invocation,
        handle=get_invocation,
        summary="Everything in every signal that belongs to one invocation",
        example="limit=20",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/users",
        request=ListUsers,
        answer=UserList,
        handle=list_users,
        summary="Users: what was used and spent for them",
        example="start=now-1d&order=-cost&limit=5",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/logs",
        request=SearchLogs,
        answer=LogList,
        handle=search_logs,
        summary="Log records that meet every filter",
        example="start=now-15m&severity=WARN&q=refused&limit=5",
        formats=(OTLP_JSON,),
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
        path="/api/v1/services/dependencies",
        request=ListDependencies,
        answer=DependencyList,
        handle=list_dependencies,
        summary="Which service calls which, how often and how long it takes",
        example="start=now-1d&order=-errors",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/semconv/coverage",
        request=GetCoverage,
        answer=CoverageList,
        handle=get_coverage,
        summary="Attributes of generative AI that no rule knows",
        example="start=now-1d&known=all&limit=10",
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
        path="/api/v1/profiles",
        request=SearchProfiles,
        answer=ProfileList,
        handle=search_profiles,
        summary="Profiles that meet every filter, newest first",
        example="start=now-1d&service=checkout&kind=CPU&limit=5",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/profiles/flamegraph",
        request=GetFlameGraph,
        answer=FlameGraph,
        handle=get_flamegraph,
        summary="The call tree of all profiles that match, or of what was spent in spans, merged",
        example="tool=search&start=now-1h&ignore=^runtime",
        formats=PROFILE_FORMATS,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/profiles/diff",
        request=DiffProfiles,
        answer=ProfileDiff,
        handle=diff_profiles,
        summary="What the profiles of two selections differ in",
        example="service=checkout&start=now-1h&baseline_start=now-25h&baseline_end=now-24h",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/profiles/hotspots",
        request=ListHotspots,
        answer=HotspotList,
        handle=list_hotspots,
        summary="The functions that have most by themselves or in all",
        example="service=checkout&start=now-1h&order=total",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/profiles/{profile_id}",
        request=GetProfile,
        answer=Profile,
        handle=get_profile,
        summary="Everything about one profile but its bytes",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/profiles/{profile_id}/raw",
        request=GetProfile,
        answer=None,
        handle=get_raw_profile,
        summary="One profile in pprof, as it was received: `go tool pprof` opens this address",
        formats=(PPROF,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/memory",
        request=ListMemory,
        answer=MemoryList,
        handle=list_memory,
        summary="Memory over time, of what heap profiles say",
        example="service=checkout&start=now-1d&step=10m",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/memory/allocators",
        request=ListAllocators,
        answer=AllocatorList,
        handle=list_allocators,
        summary="The places that allocate most",
        example="service=checkout&start=now-1d&order=current_size",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/agents",
        request=ListAgents,
        answer=AgentList,
        handle=list_agents,
        summary="Agents: runs, errors, durations, tokens and cost",
        example="start=now-1d&order=-cost",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/agents/{agent:path}",
        request=GetAgent,
        answer=Agent,
        handle=get_agent,
        summary="One agent over time, with the tools and models that it used",
        example="start=now-1d",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/llm",
        request=ListModels,
        answer=ModelList,
        handle=list_models,
        summary="Models: calls, errors, times to the first token, tokens by kind and cost",
        example="start=now-1d&order=-tokens",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/llm/{model:path}",
        request=GetModel,
        answer=Model,
        handle=get_model,
        summary="One model over time, with the agents that called it",
        example="start=now-1d&step=1h",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/tools",
        request=ListTools,
        answer=ToolList,
        handle=list_tools,
        summary="Tools: calls, errors, retries and durations",
        example="start=now-1d&order=-errors",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/tools/{tool:path}",
        request=GetTool,
        answer=Tool,
        handle=get_tool,
        summary="One tool over time, with the agents that called it",
        example="start=now-1d",
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
