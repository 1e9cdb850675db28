"""The API's table of contents: routing, parsing, answers, OpenAPI and `/docs` come from it."""

from typing import Final

from rak_services.query.answers import OperationList, ServiceList, TraceList, TracePage
from rak_services.query.endpoint import Endpoint
from rak_services.query.requests import GetTrace, ListOperations, ListServices, SearchTraces
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
)
