"""Requests of Kafka's protocol that aiokafka 0.14 lacks, in aiokafka's own terms.

Field names and orders are those of the message definitions of Apache Kafka's documentation, "The
messages", by API key and version.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

_TOPIC: Final = 2
_SET: Final = 0


class _AlteredV0(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _AlterV0(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _AlteredV0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(
                        ("name", String("utf-8")),
                        ("config_operation", Int8),
                        ("value", String("utf-8")),
                    ),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class AlterTopics(Request[_AlterV0]):  # type: ignore[misc]
    """IncrementalAlterConfigs: change one setting of topics, leave all their others as they are.

    aiokafka's `alter_configs` replaces them all: what it is not told is reset.
    """

    API_KEY = 44

    def __init__(self, topics: Iterable[str], setting: str, value: str) -> None:
        self._resources = [(_TOPIC, topic, [(setting, _SET, value)]) for topic in topics]

    def build(self, request_struct_class: type[_AlterV0]) -> _AlterV0:
        """Return the request in a version that the broker knows."""
        return request_struct_class(self._resources, False)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


_NO_TOPIC_ID: Final = bytes(16)


class _MetadataV10(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )

    def topic_ids(self) -> dict[str, str]:
        """The ids of the topics that exist, 32 hex digits, by name."""
        return {
            name: topic_id.hex()
            for code, name, topic_id, *_ in self.topics
            if not code and topic_id != _NO_TOPIC_ID
        }


class _AskMetadataV10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataV10
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class AskTopicIds(Request[_AskMetadataV10]):  # type: ignore[misc]
    """Metadata with topic ids, which aiokafka's own versions of the request lack.

    A topic that is deleted and made again under its name has another id (Kafka 2.8, KIP-516).
    """

    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        no_tags: dict[int, bytes] = {}
        self._topics = [(_NO_TOPIC_ID, topic, no_tags) for topic in topics]

    def build(self, request_struct_class: type[_AskMetadataV10]) -> _AskMetadataV10:
        """Return the request in a version that the broker knows."""
        return request_struct_class(self._topics, False, False, False, {})
