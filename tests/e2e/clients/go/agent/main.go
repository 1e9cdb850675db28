// Command agent is an agent with a model and two tools whose CPU profile says which span each sample
// belongs to; see ../../README.md.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime/pprof"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// report is the line that the program prints.
type report struct {
	TraceID string            `json:"trace_id"`
	Spans   map[string]string `json:"spans"`
}

// agent does its work in spans, and remembers their ids by name.
type agent struct {
	tracer     trace.Tracer
	invocation string
	spans      map[string]string
}

func main() {
	invocation := flag.String("invocation", "", "the invocation that spans and profile belong to")
	receiver := flag.String("pprof", "", "base URL of who takes profiles")
	file := flag.String("profile", "", "where to write the profile too")
	flag.Parse()
	line, err := run(context.Background(), *invocation, *receiver, *file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err)
	}
}

func run(ctx context.Context, invocation, receiver, file string) (report, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return report{}, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.Default()))
	worker := agent{provider.Tracer("agent"), invocation, map[string]string{}}

	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return report{}, err
	}
	traceID := worker.work(ctx)
	pprof.StopCPUProfile()
	if err := provider.Shutdown(ctx); err != nil {
		return report{}, err
	}
	if err := os.WriteFile(file, profile.Bytes(), 0o644); err != nil {
		return report{}, err
	}
	return report{traceID, worker.spans}, send(receiver, invocation, &profile)
}

// send posts a profile with its context, as the documentation of the receiver says.
func send(receiver, invocation string, profile *bytes.Buffer) error {
	query := url.Values{
		"service_name": {os.Getenv("OTEL_SERVICE_NAME")}, "invocation_id": {invocation}}
	answer, err := http.Post(
		receiver+"/pprof/profile?"+query.Encode(), "application/octet-stream", profile)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the profile was answered with %s", answer.Status)
	}
	return nil
}

// work is one invocation: the agent plans, asks its model, and uses both tools, one of them twice.
func (a *agent) work(ctx context.Context) string {
	traceID := ""
	a.inSpan(ctx, "invoke_agent planner", func(ctx context.Context) {
		traceID = trace.SpanContextFromContext(ctx).TraceID().String()
		planSteps()
		a.inSpan(ctx, "chat", func(context.Context) { readAnswer() },
			attribute.String("gen_ai.operation.name", "chat"),
			attribute.String("gen_ai.request.model", "small-model"))
		a.inSpan(ctx, "execute_tool search", func(context.Context) { searchIndex() },
			attribute.String("gen_ai.operation.name", "execute_tool"),
			attribute.String("gen_ai.tool.name", "search"))
		a.inSpan(ctx, "execute_tool calculator", func(context.Context) { calculate() },
			attribute.String("gen_ai.operation.name", "execute_tool"),
			attribute.String("gen_ai.tool.name", "calculator"))
		a.inSpan(ctx, "execute_tool search again", func(context.Context) { searchAgain() },
			attribute.String("gen_ai.operation.name", "execute_tool"),
			attribute.String("gen_ai.tool.name", "search"))
	},
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.name", "planner"))
	// Nobody's: no label tells a span.
	cleanUp()
	return traceID
}

// inSpan does what it is given in a span whose ids label the samples taken meanwhile.
func (a *agent) inSpan(
	ctx context.Context, name string, work func(context.Context), attributes ...attribute.KeyValue,
) {
	attributes = append(attributes, attribute.String("invocation_id", a.invocation))
	ctx, span := a.tracer.Start(ctx, name, trace.WithAttributes(attributes...))
	defer span.End()
	told := span.SpanContext()
	a.spans[name] = told.SpanID().String()
	labels := pprof.Labels(
		"trace_id", told.TraceID().String(), "span_id", told.SpanID().String(), "span_name", name)
	pprof.Do(ctx, labels, work)
}
