// Command signals sends metrics of every instrument and log records through the OpenTelemetry SDK of
// Go; see ../../README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// report is the line that the program prints.
type report struct {
	TraceID string   `json:"trace_id"`
	SpanID  string   `json:"span_id"`
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
	heard := &reports{texts: []string{}}
	otel.SetErrorHandler(heard)
	line, err := run(context.Background())
	if err != nil {
		heard.Handle(err)
	}
	heard.mutex.Lock()
	defer heard.mutex.Unlock()
	line.Flushed, line.Reports = err == nil, heard.texts
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
	if !line.Flushed {
		os.Exit(3)
	}
}

// run sends everything from within one span and says which.
func run(ctx context.Context) (report, error) {
	metrics, logs, err := newExporters(ctx, os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	meters := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)),
		sdkmetric.WithResource(resource.Default()),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "sizes"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{
				MaxSize: 160, MaxScale: 20}},
		)),
	)
	loggers := sdklog.NewLoggerProvider(
		sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)), sdklog.WithResource(resource.Default()))
	ctx, span := sdktrace.NewTracerProvider().Tracer("client").Start(ctx, "work")
	line := report{TraceID: span.SpanContext().TraceID().String(), SpanID: span.SpanContext().SpanID().String()}

	requests := measure(ctx, meters.Meter("client", metric.WithInstrumentationVersion("1.0")))
	write(ctx, loggers.Logger("client", log.WithInstrumentationVersion("1.0")))
	err = errors.Join(meters.ForceFlush(ctx), loggers.ForceFlush(ctx))
	requests.Add(ctx, 5, metric.WithAttributes(attribute.String("route", "/a")))
	err = errors.Join(err, meters.ForceFlush(ctx), meters.Shutdown(ctx), loggers.Shutdown(ctx))
	span.End()
	return line, err
}

func newExporters(ctx context.Context, protocol string) (sdkmetric.Exporter, sdklog.Exporter, error) {
	switch protocol {
	case "grpc":
		metrics, err := otlpmetricgrpc.New(ctx)
		if err != nil {
			return nil, nil, err
		}
		logs, err := otlploggrpc.New(ctx)
		return metrics, logs, err
	case "http/protobuf", "http/json":
		metrics, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return nil, nil, err
		}
		logs, err := otlploghttp.New(ctx)
		return metrics, logs, err
	}
	return nil, nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: unknown protocol %q", protocol)
}

// must takes an instrument that the API refuses for a bad name only.
func must[T any](instrument T, err error) T {
	if err != nil {
		panic(err)
	}
	return instrument
}

// measure records something with every instrument.
func measure(ctx context.Context, meter metric.Meter) metric.Int64Counter {
	a := metric.WithAttributes(attribute.String("route", "/a"))
	b := metric.WithAttributes(attribute.String("route", "/b"))
	requests := must(meter.Int64Counter("requests", metric.WithUnit("{request}"), metric.WithDescription("How many.")))
	requests.Add(ctx, 3, a)
	requests.Add(ctx, 4, a)
	requests.Add(ctx, 1<<53+1, b)
	cost := must(meter.Float64Counter("cost"))
	cost.Add(ctx, 0.5)
	cost.Add(ctx, 0.25)
	queue := must(meter.Int64UpDownCounter("queue"))
	queue.Add(ctx, 5)
	queue.Add(ctx, -8)
	latency := must(meter.Float64Histogram("latency", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.1, 1, 5)))
	for _, seconds := range []float64{0.05, 0.2, 7} {
		latency.Record(ctx, seconds)
	}
	sizes := must(meter.Int64Histogram("sizes", metric.WithUnit("By")))
	for _, size := range []int64{0, 1, 2, 1000} {
		sizes.Record(ctx, size)
	}
	must(meter.Float64Gauge("temperature")).Record(ctx, 21.5, metric.WithAttributes(
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
	must(meter.Float64ObservableCounter("cpu", metric.WithFloat64Callback(
		func(_ context.Context, observer metric.Float64Observer) error {
			observer.Observe(12.5)
			return nil
		})))
	must(meter.Int64ObservableUpDownCounter("memory", metric.WithInt64Callback(
		func(_ context.Context, observer metric.Int64Observer) error {
			observer.Observe(-7)
			return nil
		})))
	must(meter.Float64ObservableGauge("load", metric.WithFloat64Callback(
		func(_ context.Context, observer metric.Float64Observer) error {
			observer.Observe(0.75)
			return nil
		})))
	return requests
}

// write emits a record of text with attributes of every type, and one whose body is structured.
func write(ctx context.Context, logger log.Logger) {
	var text log.Record
	text.SetTimestamp(time.Now())
	text.SetSeverity(log.SeverityInfo)
	text.SetSeverityText("INFO")
	text.SetBody(attribute.StringValue("héllo 🌍"))
	text.SetEventName("happened")
	text.AddAttributes(
		attribute.String("text", "plain"),
		attribute.Bool("flag", true),
		attribute.Int64("int", 1<<53+1),
		attribute.Float64("double", 0.1),
		attribute.ByteSlice("bytes", []byte{0, 255}),
		attribute.Slice("list", attribute.StringValue("a"), attribute.Int64Value(1)),
		attribute.Map("map", attribute.String("key", "value")),
	)
	logger.Emit(ctx, text)

	var structured log.Record
	structured.SetSeverity(log.SeverityError)
	structured.SetBody(attribute.MapValue(
		attribute.Int64("answer", 42),
		attribute.Map("nested", attribute.Slice("list", attribute.StringValue("a"), attribute.BoolValue(false))),
	))
	logger.Emit(ctx, structured)
}
