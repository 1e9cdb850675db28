"""What a simulated agent's process sends with: the real OpenTelemetry SDK, for every signal."""

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from rak_services.local.demo_profiles import cpu_profile, heap_profile, send_profile

_SCOPE = ("rak-telemetry", "0.9.1")
_MILLISECONDS = 200
_FOR_EVER_MILLISECONDS = 24 * 3600 * 1000


class Telemetry:
    """One process's tracer, instruments and logger.

    Attributes:
        tracer: Makes spans.
        runs: Counts runs of an agent.
        tokens: Tokens of a call of a model, as the semantic conventions name them.
        cpu: Where CPU time went.
        heap: Where memory was allocated.
    """

    def __init__(self, service: str, endpoint: str) -> None:
        """Connect to a receiver's gRPC port, `http://host:port`."""
        self._service = service
        self.cpu = cpu_profile()
        self.heap = heap_profile()
        resource = Resource.create(
            {"service.name": service, "service.version": "1.4.2", "host.name": "demo"}
        )
        self._spans = TracerProvider(resource=resource)
        self._spans.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=endpoint, insecure=True),
                schedule_delay_millis=_MILLISECONDS,
            )
        )
        self._logs = LoggerProvider(resource=resource)
        self._logs.add_log_record_processor(
            BatchLogRecordProcessor(
                OTLPLogExporter(endpoint=endpoint, insecure=True),
                schedule_delay_millis=_MILLISECONDS,
            )
        )
        # Collected when the demo flushes, and not in between.
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=endpoint, insecure=True),
            export_interval_millis=_FOR_EVER_MILLISECONDS,
        )
        self._metrics = MeterProvider([reader], resource)
        self.tracer = self._spans.get_tracer(*_SCOPE)
        self._logger = self._logs.get_logger(*_SCOPE)
        meter = self._metrics.get_meter(*_SCOPE)
        self.runs = meter.create_counter("agent.runs", "{run}", "Runs of an agent")
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a call of a model"
        )

    def say(self, text: str, severity: SeverityNumber, at_ns: int) -> None:
        """Log a line inside the span that is open."""
        self._logger.emit(
            timestamp=at_ns,
            severity_number=severity,
            severity_text=severity.name,
            body=text,
        )

    def flush(self) -> bool:
        """Send everything; tells whether all of it was accepted."""
        providers = (self._spans, self._metrics, self._logs)
        accepted = [provider.force_flush() for provider in providers]
        for provider in providers:
            provider.shutdown()
        return all(accepted)

    def flush_profiles(self, endpoint: str, start_ns: int, end_ns: int) -> None:
        """Send the profiles, of one span of time, to the pprof receiver.

        Raises:
            OSError: It cannot be reached or refused one.
        """
        for kind, profile in (("profile", self.cpu), ("heap", self.heap)):
            send_profile(endpoint, kind, self._service, profile.encode(start_ns, end_ns))
