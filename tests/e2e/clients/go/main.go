// Command client sends numbered spans through the OpenTelemetry SDK of Go; see ../README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const expiredAge = 400 * 24 * time.Hour

// report is the line that a client prints.
type report struct {
	TraceID string   `json:"trace_id"`
	Spans   int      `json:"spans"`
	Flushed bool     `json:"flushed"`
	Reports []string `json:"reports"`
}

// reports collects what the SDK has to say about exports.
type reports struct {
	mutex sync.Mutex
	texts []string
}

func (r *reports) Handle(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.texts = append(r.texts, err.Error())
}

func main() {
	spans := flag.Int("spans", 1, "spans to send")
	expired := flag.Int("expired", 0, "how many of them start 400 days ago")
	flag.Parse()

	heard := &reports{texts: []string{}}
	otel.SetErrorHandler(heard)
	ctx := context.Background()
	exporter, err := newExporter(ctx, os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.Default()))
	traceID := emit(ctx, provider.Tracer("client", trace.WithInstrumentationVersion("1.0")), *spans, *expired)

	flushError := provider.ForceFlush(ctx)
	if flushError != nil {
		heard.Handle(flushError)
	}
	if err := provider.Shutdown(ctx); err != nil {
		heard.Handle(err)
	}
	heard.mutex.Lock()
	defer heard.mutex.Unlock()
	line, err := json.Marshal(report{traceID, *spans, flushError == nil, heard.texts})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	if flushError != nil {
		os.Exit(3)
	}
}

func newExporter(ctx context.Context, protocol string) (*otlptrace.Exporter, error) {
	switch protocol {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "http/protobuf", "http/json":
		return otlptracehttp.New(ctx)
	}
	return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: unknown protocol %q", protocol)
}

// emit makes one trace: a root and its children, all alike but for their number.
func emit(ctx context.Context, tracer trace.Tracer, spans, expired int) string {
	linked := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 0xab}, SpanID: trace.SpanID{7: 0xcd},
		TraceFlags: trace.FlagsSampled, Remote: true,
	})
	now := time.Now()
	traceID := ""
	for number := range spans {
		start := now
		if number < expired {
			start = now.Add(-expiredAge)
		}
		spanCtx, span := tracer.Start(ctx, "numbered",
			trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindClient),
			trace.WithLinks(trace.Link{
				SpanContext: linked, Attributes: []attribute.KeyValue{attribute.String("why", "retried")}}),
			trace.WithAttributes(
				attribute.Int("number", number),
				attribute.String("text", "plain"),
				attribute.String("text.unicode", "héllo 🌍"),
				attribute.Bool("flag", true),
				attribute.Int64("int", 1<<53+1),
				attribute.Float64("double", 0.1),
				attribute.Float64("double.whole", 3),
				attribute.StringSlice("list.text", []string{"a", "", "ü"}),
				attribute.BoolSlice("list.flag", []bool{true, false}),
				attribute.Int64Slice("list.int", []int64{1, -2}),
				attribute.Float64Slice("list.double", []float64{0.5, -2.5}),
			))
		span.AddEvent("happened", trace.WithTimestamp(start),
			trace.WithAttributes(attribute.Int("count", 7)))
		span.SetStatus(codes.Error, "told so")
		span.End(trace.WithTimestamp(start.Add(time.Millisecond)))
		if number == 0 {
			ctx, traceID = spanCtx, span.SpanContext().TraceID().String()
		}
	}
	return traceID
}
