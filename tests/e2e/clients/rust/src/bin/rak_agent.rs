//! One run of an agent, traced as RAK's agents trace themselves: `tracing` spans with the names and
//! fields of RAK's telemetry, exported through `tracing-opentelemetry`.

use std::process::ExitCode;

use clients::{Heard, exporter, finish};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::prelude::*;

const INVOCATION: &str = "inv-7f3a";
const SESSION: &str = "sess-41";
const SPANS: usize = 5;

fn main() -> ExitCode {
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
    let heard = Heard::default();
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("rak")))
        .with(heard.clone())
        .init();
    let trace_id = run_invocation();
    ExitCode::from(finish(&provider, &trace_id, SPANS, &heard))
}

/// A user's question: one agent, which asks its model, calls a tool and asks its model again.
fn run_invocation() -> String {
    let invocation = info_span!(
        "invocation",
        invocation_id = INVOCATION,
        session_id = SESSION,
        user_id = "user-9",
        workflow_type = "sequential",
    );
    invocation.in_scope(|| {
        let agent = info_span!(
            "agent.run",
            invocation_id = INVOCATION,
            session_id = SESSION,
            agent_name = "researcher",
            agent_type = "llm",
            token_count = field::Empty,
        );
        agent.in_scope(|| {
            call_llm("event-1", r#"{"tool_call":"web_search"}"#);
            execute_tool();
            call_llm("event-3", r#"{"text":"It is 21 °C."}"#);
        });
        agent.record("token_count", 2 * (1200 + 85));
    });
    invocation
        .context()
        .span()
        .span_context()
        .trace_id()
        .to_string()
}

fn call_llm(event: &str, response: &str) {
    let span: Span = info_span!(
        "call_llm",
        "gen_ai.system" = "gcp.vertex.agent",
        "gen_ai.request.model" = %"gemini-2.5-flash",
        "gen_ai.request.top_p" = field::Empty,
        "gen_ai.usage.input_tokens" = field::Empty,
        "gen_ai.usage.output_tokens" = field::Empty,
        "gcp.vertex.agent.invocation_id" = %INVOCATION,
        "gcp.vertex.agent.session_id" = %SESSION,
        "gcp.vertex.agent.event_id" = %event,
        "gcp.vertex.agent.llm_request" = %r#"{"contents":1}"#,
        "gcp.vertex.agent.llm_response" = %response,
    );
    let _entered = span.enter();
    span.record("gen_ai.request.top_p", 0.95);
    span.record("gen_ai.usage.input_tokens", 1200);
    span.record("gen_ai.usage.output_tokens", 85);
}

fn execute_tool() {
    let span = info_span!(
        "execute_tool",
        "gen_ai.operation.name" = "execute_tool",
        "gen_ai.tool.name" = %"web_search",
        "gen_ai.tool.description" = %"Searches the web",
        "gen_ai.tool.call.id" = %"call-12",
        "gcp.vertex.agent.invocation_id" = %INVOCATION,
        "gcp.vertex.agent.session_id" = %SESSION,
        "gcp.vertex.agent.event_id" = %"event-2",
        "gcp.vertex.agent.tool_call_args" = %r#"{"query":"weather in Basel"}"#,
        "gcp.vertex.agent.tool_response" = %r#"{"celsius":21}"#,
        "gcp.vertex.agent.llm_request" = "{}",
        "gcp.vertex.agent.llm_response" = "{}",
    );
    let _entered = span.enter();
}
