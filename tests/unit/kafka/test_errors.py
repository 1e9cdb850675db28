"""Every error of the client has one place: lost, too large, permanent or transient."""

import pytest
from aiokafka import errors as kafka

from rak_libs.kafka.errors import (
    KafkaError,
    MessageTooLarge,
    PartitionLost,
    PermanentKafkaError,
    TransientKafkaError,
    translate,
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka.MessageSizeTooLargeError("17 MiB"), MessageTooLarge),
        (kafka.RecordListTooLargeError(), MessageTooLarge),
        (kafka.UnknownMemberIdError(), PartitionLost),
        (kafka.IllegalGenerationError(), PartitionLost),
        (kafka.RebalanceInProgressError(), PartitionLost),
        (kafka.CommitFailedError(), PartitionLost),
        (kafka.TopicAuthorizationFailedError(), PermanentKafkaError),
        (kafka.GroupAuthorizationFailedError(), PermanentKafkaError),
        (kafka.InvalidReplicationFactorError(), PermanentKafkaError),
        (kafka.NotEnoughReplicasError(), TransientKafkaError),
        (kafka.OutOfOrderSequenceNumber(), TransientKafkaError),
        (kafka.ProducerFenced(), TransientKafkaError),
        (kafka.KafkaConnectionError("reset"), TransientKafkaError),
        (ConnectionRefusedError("refused"), TransientKafkaError),
        (TimeoutError(), TransientKafkaError),
    ],
)
def test_errors_of_the_client_are_translated(error: Exception, kind: type[KafkaError]) -> None:
    translated = translate(error, "publishing to otlp_spans")
    assert type(translated) is kind
    assert str(translated).startswith("publishing to otlp_spans: ")


def test_a_missing_topic_says_what_makes_it() -> None:
    translated = translate(kafka.UnknownTopicOrPartitionError(), "publishing to otlp_spans")
    assert isinstance(translated, TransientKafkaError)
    assert "rak-migrate up" in str(translated)


def test_our_own_errors_stay_as_they_are() -> None:
    error = PartitionLost("gone")
    assert translate(error, "committing") is error


def test_every_error_is_transient_or_permanent() -> None:
    kinds = (TransientKafkaError, PermanentKafkaError)
    for kind in (PartitionLost, MessageTooLarge):
        assert issubclass(kind, kinds)
        assert issubclass(kind, KafkaError)
