// Sends metrics of every instrument and log records through the OpenTelemetry SDK of JavaScript; see
// ../README.md.

import { diag, DiagLogLevel, ROOT_CONTEXT, trace, ValueType } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { TracerProvider } from "@opentelemetry/sdk-trace";

const EXPORTERS = {
  grpc: [GrpcMetrics, GrpcLogs],
  "http/protobuf": [ProtobufMetrics, ProtobufLogs],
  "http/json": [JsonMetrics, JsonLogs],
};

// What the SDK says about exports, at warning level and above.
const reports = [];
const hear = (...texts) => reports.push(texts.join(" "));
const ignore = () => {};
diag.setLogger(
  { error: hear, warn: hear, info: ignore, debug: ignore, verbose: ignore },
  DiagLogLevel.WARN,
);

const [Metrics, Logs] = EXPORTERS[process.env.OTEL_EXPORTER_OTLP_PROTOCOL];
const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }));
const meters = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: new Metrics() })],
  views: [
    {
      instrumentName: "sizes",
      aggregation: {
        type: AggregationType.EXPONENTIAL_HISTOGRAM,
        options: { maxSize: 160, recordMinMax: true },
      },
    },
  ],
});
const loggers = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: new Logs() })],
});
const span = new TracerProvider().getTracer("client").startSpan("work");
const context = trace.setSpan(ROOT_CONTEXT, span);

const requests = measure(meters.getMeter("client", "1.0"));
write(loggers.getLogger("client", "1.0"));
let flushed = true;
const failed = (error) => {
  flushed = false;
  hear(error);
};
await meters.forceFlush().catch(failed);
await loggers.forceFlush().catch(failed);
requests.add(5, { route: "/a" }, context);
await meters.forceFlush().catch(failed);
await meters.shutdown().catch(hear);
await loggers.shutdown().catch(hear);
span.end();
const { traceId, spanId } = span.spanContext();
console.log(JSON.stringify({ trace_id: traceId, span_id: spanId, flushed, reports }));
process.exitCode = flushed ? 0 : 3;

// Records something with every instrument.
function measure(meter) {
  const counter = meter.createCounter("requests", {
    unit: "{request}",
    description: "How many.",
    valueType: ValueType.INT,
  });
  counter.add(3, { route: "/a" }, context);
  counter.add(4, { route: "/a" }, context);
  // The largest integer that JavaScript tells from its neighbours.
  counter.add(Number.MAX_SAFE_INTEGER, { route: "/b" }, context);
  const cost = meter.createCounter("cost");
  cost.add(0.5, {}, context);
  cost.add(0.25, {}, context);
  const queue = meter.createUpDownCounter("queue", { valueType: ValueType.INT });
  queue.add(5, {}, context);
  queue.add(-8, {}, context);
  const latency = meter.createHistogram("latency", {
    unit: "s",
    advice: { explicitBucketBoundaries: [0.1, 1, 5] },
  });
  for (const seconds of [0.05, 0.2, 7]) {
    latency.record(seconds, {}, context);
  }
  const sizes = meter.createHistogram("sizes", { unit: "By", valueType: ValueType.INT });
  for (const size of [0, 1, 2, 1000]) {
    sizes.record(size, {}, context);
  }
  meter.createGauge("temperature").record(
    21.5,
    {
      text: "plain",
      "text.unicode": "héllo 🌍",
      flag: true,
      int: Number.MAX_SAFE_INTEGER,
      double: 0.1,
      "double.whole": 3.0,
      "list.text": ["a", "", "ü"],
      "list.flag": [true, false],
      "list.int": [1, -2],
      "list.double": [0.5, -2.5],
    },
    context,
  );
  meter.createObservableCounter("cpu").addCallback((result) => result.observe(12.5));
  meter
    .createObservableUpDownCounter("memory", { valueType: ValueType.INT })
    .addCallback((result) => result.observe(-7));
  meter.createObservableGauge("load").addCallback((result) => result.observe(0.75));
  return counter;
}

// Emits a record of text with attributes of every type, and one whose body is structured.
function write(logger) {
  logger.emit({
    timestamp: new Date(),
    severityNumber: SeverityNumber.INFO,
    severityText: "INFO",
    body: "héllo 🌍",
    eventName: "happened",
    attributes: {
      text: "plain",
      flag: true,
      int: Number.MAX_SAFE_INTEGER,
      double: 0.1,
      bytes: new Uint8Array([0, 255]),
      list: ["a", 1],
      map: { key: "value" },
    },
    context,
  });
  logger.emit({
    severityNumber: SeverityNumber.ERROR,
    body: { answer: 42, nested: { list: ["a", false] } },
    context,
  });
}
