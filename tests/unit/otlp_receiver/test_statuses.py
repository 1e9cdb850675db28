import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from msgspec import json

from rak_libs.kafka.errors import (
    KafkaError,
    MessageTooLarge,
    PermanentKafkaError,
    TransientKafkaError,
)
from rak_libs.otlp.errors import RequestTooLarge, UndecodableRequest
from rak_libs.receiving import errors
from rak_services.otlp_receiver.encodings import Encoding, encode, encoding_of
from rak_services.otlp_receiver.statuses import STATUSES, grpc_code

RETRYABLE_HTTP = {429, 502, 503, 504}
CODE = grpc.StatusCode

TABLE = [
    (UndecodableRequest("no"), CODE.INVALID_ARGUMENT, 400),
    (RequestTooLarge("large"), CODE.RESOURCE_EXHAUSTED, 413),
    (errors.UndecodableBody("no gzip"), CODE.INVALID_ARGUMENT, 400),
    (errors.BodyTooLarge("large"), CODE.RESOURCE_EXHAUSTED, 413),
    (MessageTooLarge("large"), CODE.RESOURCE_EXHAUSTED, 413),
    (errors.Overloaded(), CODE.UNAVAILABLE, 503),
    (errors.Held("held"), CODE.UNAVAILABLE, 503),
    (errors.ShuttingDown("bye"), CODE.UNAVAILABLE, 503),
    (errors.BodyTooSlow("slow"), CODE.UNAVAILABLE, 503),
    (TransientKafkaError("down"), CODE.UNAVAILABLE, 503),
    (PermanentKafkaError("forbidden"), CODE.UNAVAILABLE, 503),
    (errors.NoSuchPath("where"), CODE.NOT_FOUND, 404),
    (errors.MethodNotAllowed("POST"), CODE.UNIMPLEMENTED, 405),
    (errors.UnsupportedContentType("type"), CODE.INVALID_ARGUMENT, 415),
    (errors.UnsupportedContentEncoding("encoding"), CODE.INVALID_ARGUMENT, 415),
    (ZeroDivisionError("secret detail"), CODE.INTERNAL, 500),
]


@pytest.mark.parametrize(("error", "code", "http_status"), TABLE)
def test_each_error_has_one_answer_on_both_transports(
    error: Exception, code: grpc.StatusCode, http_status: int
) -> None:
    status = STATUSES.status_of(error)
    assert (grpc_code(status), status.http_status) == (code, http_status)
    assert status.retryable == (http_status in RETRYABLE_HTTP)


@pytest.mark.parametrize("error", [error for error, *_ in TABLE])
def test_retry_info_is_there_exactly_when_the_client_should_come_back(error: Exception) -> None:
    message = STATUSES.message(error, 7)
    retry = RetryInfo()
    has_retry_info = any(detail.Unpack(retry) for detail in message.details)
    assert has_retry_info == STATUSES.status_of(error).retryable
    assert message.code == STATUSES.status_of(error).code
    if has_retry_info:
        assert retry.retry_delay.seconds == 7


def test_an_undecodable_request_names_its_field() -> None:
    message = STATUSES.message(UndecodableRequest("expected a string", "spans[0].name"), 1)
    detail = BadRequest()
    assert message.details[0].Unpack(detail)
    assert detail.field_violations[0].field == "spans[0].name"
    assert "expected a string" in message.message


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret detail"), KafkaError("broker-17.internal: secret detail")]
)
def test_clients_learn_nothing_about_our_inside(error: Exception) -> None:
    assert "secret" not in STATUSES.message(error, 1).message


@pytest.mark.parametrize("error", [error for error, *_ in TABLE])
def test_a_status_is_written_in_either_encoding(error: Exception) -> None:
    message = STATUSES.message(error, 3)
    assert Status.FromString(encode(message, Encoding.PROTOBUF)) == message
    assert ParseDict(json.decode(encode(message, Encoding.JSON)), Status()) == message


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json", Encoding.JSON),
        ("Application/JSON ; charset=utf-8", Encoding.JSON),
        ("application/x-protobuf", Encoding.PROTOBUF),
        ("application/x-protobuf;foo=bar", Encoding.PROTOBUF),
        ("application/protobuf", None),
        ("text/plain", None),
        ("", None),
    ],
)
def test_a_media_type_is_read_without_its_parameters(
    content_type: str, encoding: Encoding | None
) -> None:
    assert encoding_of(content_type) is encoding
