// Sends numbered spans through the OpenTelemetry SDK of JavaScript; see ../README.md.

import { parseArgs } from "node:util";

import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const EXPIRED_AGE_MS = 400 * 24 * 60 * 60 * 1000;
const EXPORTERS = {
  grpc: GrpcExporter,
  "http/protobuf": ProtobufExporter,
  "http/json": JsonExporter,
};

const { values: options } = parseArgs({
  options: {
    spans: { type: "string", default: "1" },
    expired: { type: "string", default: "0" },
  },
});
const spans = Number(options.spans);

// What the SDK says about exports, at warning level and above.
const reports = [];
const hear = (...texts) => reports.push(texts.join(" "));
const ignore = () => {};
diag.setLogger(
  { error: hear, warn: hear, info: ignore, debug: ignore, verbose: ignore },
  DiagLogLevel.WARN,
);

const Exporter = EXPORTERS[process.env.OTEL_EXPORTER_OTLP_PROTOCOL];
const provider = new TracerProvider({
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
  spanProcessors: [new BatchSpanProcessor({ exporter: new Exporter() })],
});
const traceId = emit(provider.getTracer("client", "1.0"), spans, Number(options.expired));

let flushed = true;
try {
  await provider.forceFlush();
} catch (error) {
  flushed = false;
  hear(error);
}
await provider.shutdown().catch(hear);
console.log(JSON.stringify({ trace_id: traceId, spans, flushed, reports }));
process.exitCode = flushed ? 0 : 3;

// Makes one trace: a root and its children, all alike but for their number.
function emit(tracer, count, expired) {
  const linked = {
    traceId: "ab".padStart(32, "0"),
    spanId: "cd".padStart(16, "0"),
    traceFlags: 1,
    isRemote: true,
  };
  const now = Date.now();
  let parent = ROOT_CONTEXT;
  for (let number = 0; number < count; number += 1) {
    const start = number < expired ? now - EXPIRED_AGE_MS : now;
    const span = tracer.startSpan(
      "numbered",
      {
        kind: SpanKind.CLIENT,
        startTime: start,
        links: [{ context: linked, attributes: { why: "retried" } }],
        attributes: {
          number,
          text: "plain",
          "text.unicode": "héllo 🌍",
          flag: true,
          // The largest integer that JavaScript tells from its neighbours.
          int: Number.MAX_SAFE_INTEGER,
          double: 0.1,
          "double.whole": 3.0,
          "list.text": ["a", "", "ü"],
          "list.flag": [true, false],
          "list.int": [1, -2],
          "list.double": [0.5, -2.5],
        },
      },
      parent,
    );
    span.addEvent("happened", { count: 7 }, start);
    span.setStatus({ code: SpanStatusCode.ERROR, message: "told so" });
    span.end(start + 1);
    if (number === 0) {
      parent = trace.setSpan(ROOT_CONTEXT, span);
    }
  }
  return trace.getSpanContext(parent).traceId;
}
