//! What both programs have in common: the exporter that the environment asks for, and what the SDK
//! says about exports.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long a program that ends waits for exports that are being retried. Flushing waits five seconds,
/// which cannot be changed, and so does shutting down unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// Build the exporter that `OTEL_EXPORTER_OTLP_PROTOCOL` names; the exporter reads the rest of the
/// environment itself. Over gRPC it needs a Tokio runtime to be entered.
pub fn exporter() -> Result<SpanExporter, ExporterBuildError> {
    match std::env::var("OTEL_EXPORTER_OTLP_PROTOCOL").as_deref() {
        Ok("http/protobuf") => http(Protocol::HttpBinary),
        Ok("http/json") => http(Protocol::HttpJson),
        _ => SpanExporter::builder().with_tonic().build(),
    }
}

fn http(protocol: Protocol) -> Result<SpanExporter, ExporterBuildError> {
    SpanExporter::builder()
        .with_http()
        .with_protocol(protocol)
        .build()
}

/// Flush and shut down, and print the line that a client prints. Returns the exit status.
pub fn finish(provider: &SdkTracerProvider, trace_id: &str, spans: usize, heard: &Heard) -> u8 {
    let flushed = heard.keep(provider.force_flush());
    heard.keep(provider.shutdown_with_timeout(PATIENCE));
    let line = serde_json::json!({
        "trace_id": trace_id,
        "spans": spans,
        "flushed": flushed,
        "reports": *heard.0.lock().unwrap(),
    });
    println!("{line}");
    if flushed { 0 } else { 3 }
}

/// Collects what the SDK says in its own log, at warning level and above.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn keep(&self, result: OTelSdkResult) -> bool {
        result
            .map_err(|error| self.0.lock().unwrap().push(error.to_string()))
            .is_ok()
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target().starts_with("opentelemetry") && *metadata.level() <= Level::WARN {
            let mut text = Text(metadata.name().to_string());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a String takes everything");
    }
}
