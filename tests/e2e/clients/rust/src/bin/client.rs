//! Sends numbered spans through the OpenTelemetry SDK of Rust; see ../../../README.md.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clients::{Heard, exporter, finish};
use opentelemetry::trace::{
    Event, Link, Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing_subscriber::prelude::*;

const EXPIRED_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

fn main() -> ExitCode {
    let heard = Heard::default();
    tracing_subscriber::registry().with(heard.clone()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let exporter = {
        let _entered = runtime.enter();
        exporter().expect("the environment describes an exporter")
    };
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().build())
        .build();
    let scope = InstrumentationScope::builder("client")
        .with_version("1.0")
        .build();
    let spans = option("--spans").unwrap_or(1);
    let trace_id = emit(
        &provider.tracer_with_scope(scope),
        spans,
        option("--expired").unwrap_or(0),
    );
    ExitCode::from(finish(&provider, &trace_id, spans, &heard))
}

fn option(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments
        .nth(1)
        .map(|value| value.parse().expect("a number"))
}

/// Makes one trace: a root and its children, all alike but for their number.
fn emit(tracer: &SdkTracer, spans: usize, expired: usize) -> String {
    let linked = SpanContext::new(
        TraceId::from(0xab),
        SpanId::from(0xcd),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let now = SystemTime::now();
    let mut parent = Context::new();
    for number in 0..spans {
        let start = if number < expired {
            now - EXPIRED_AGE
        } else {
            now
        };
        let mut span = tracer
            .span_builder("numbered")
            .with_kind(SpanKind::Client)
            .with_start_time(start)
            .with_attributes(attributes(number))
            .with_links(vec![Link::new(
                linked.clone(),
                vec![KeyValue::new("why", "retried")],
                0,
            )])
            .with_events(vec![Event::new(
                "happened",
                start,
                vec![KeyValue::new("count", 7)],
                0,
            )])
            .start_with_context(tracer, &parent);
        span.set_status(Status::error("told so"));
        span.end_with_timestamp(start + Duration::from_millis(1));
        if number == 0 {
            parent = Context::new().with_span(span);
        }
    }
    parent.span().span_context().trace_id().to_string()
}

fn attributes(number: usize) -> Vec<KeyValue> {
    let texts = ["a", "", "ü"].map(StringValue::from).to_vec();
    vec![
        KeyValue::new("number", number as i64),
        KeyValue::new("text", "plain"),
        KeyValue::new("text.unicode", "héllo 🌍"),
        KeyValue::new("flag", true),
        KeyValue::new("int", (1_i64 << 53) + 1),
        KeyValue::new("double", 0.1),
        KeyValue::new("double.whole", 3.0),
        KeyValue::new("list.text", Value::Array(Array::String(texts))),
        KeyValue::new("list.flag", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("list.int", Value::Array(Array::I64(vec![1, -2]))),
        KeyValue::new("list.double", Value::Array(Array::F64(vec![0.5, -2.5]))),
    ]
}
