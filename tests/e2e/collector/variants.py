"""The many ways in which somebody may configure a Collector's Kafka exporter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet import free_port

COMPRESSIONS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
FOREIGN_ENCODINGS: Final = (
    "otlp_json",
    "jaeger_proto",
    "jaeger_json",
    "zipkin_proto",
    "zipkin_json",
)
TENANT: Final = "x-tenant"
ENCODING_HEADER: Final = "test-encoding"

EXPORTERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "defaults": {},
    **{name: {"producer": {"compression": name}} for name in COMPRESSIONS},
    "keyed": {"partition_traces_by_id": True},
    "headers": {
        "include_metadata_keys": [TENANT],
        "record_headers": [{"name": "rak-received-ns", "value": "not a number"}],
    },
    **{
        name: {
            "traces": {"encoding": name},
            "record_headers": [{"name": ENCODING_HEADER, "value": name}],
        }
        for name in FOREIGN_ENCODINGS
    },
}
"""Settings of a Kafka exporter by a name of their own, beside the broker's address."""


@dataclass(frozen=True)
class FrontPorts:
    """Where the Collector in front takes OTLP: its own ports, and one over HTTP per variant."""

    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    variants: Mapping[str, int] = field(
        default_factory=lambda: {name: free_port() for name in EXPORTERS}
    )

    @property
    def all(self) -> list[int]:
        return [self.grpc, self.http, *self.variants.values()]

    @property
    def environ(self) -> dict[str, str]:
        """Values for deploy/collector/in-front.yaml."""
        return {
            "OTLP_GRPC_ENDPOINT": f"127.0.0.1:{self.grpc}",
            "OTLP_HTTP_ENDPOINT": f"127.0.0.1:{self.http}",
        }

    def url(self, variant: str | None = None) -> str:
        """Where to POST for the configuration itself, or for a variant."""
        return f"http://127.0.0.1:{self.variants[variant] if variant else self.http}/v1/traces"


def write_variants(ports: FrontPorts, path: Path) -> Path:
    """Write a configuration (JSON is YAML) that adds a pipeline for each variant.

    Nothing is queued inside of them: a request is answered when the broker has it.
    """
    receivers, exporters, pipelines = {}, {}, {}
    for name, settings in EXPORTERS.items():
        http = {"endpoint": f"127.0.0.1:{ports.variants[name]}", "include_metadata": True}
        receivers[f"otlp/{name}"] = {"protocols": {"http": http}}
        exporters[f"kafka/{name}"] = {
            "brokers": "${env:KAFKA_BROKERS}",
            "sending_queue": {"enabled": False},
            **settings,
        }
        pipelines[f"traces/{name}"] = {
            "receivers": [f"otlp/{name}"],
            "exporters": [f"kafka/{name}"],
        }
    added = {"receivers": receivers, "exporters": exporters, "service": {"pipelines": pipelines}}
    path.write_bytes(msgspec.json.encode(added))
    return path
