"""What goes wrong between a service and the broker."""

from aiokafka import errors as kafka


class KafkaError(Exception):
    """Root of the errors of `rak_libs.kafka`."""


class TransientKafkaError(KafkaError):
    """Trying again later may succeed: the broker is away, slow, moving or not set up yet."""


class PartitionLost(TransientKafkaError):
    """The partition is not (or no longer) this consumer's, or its log started anew.

    Nothing was committed; whoever owns the partition reads the records again.
    """


class PermanentKafkaError(KafkaError):
    """The same request fails again until someone changes the request or the configuration."""


class MessageTooLarge(PermanentKafkaError):
    """The message is larger than `[kafka] max_message_bytes`, or than the topic allows."""


_PERMANENT: tuple[type[kafka.KafkaError], ...] = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.ClusterAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.InvalidConfigurationError,
    kafka.InvalidPartitionsError,
    kafka.InvalidReplicationFactorError,
    kafka.InvalidTopicError,
    kafka.OffsetMetadataTooLargeError,
    kafka.PolicyViolationError,
    kafka.TopicAuthorizationFailedError,
    kafka.UnsupportedVersionError,
)
_TOO_LARGE = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)
_LOST = (
    kafka.CommitFailedError,
    kafka.IllegalGenerationError,
    kafka.IllegalStateError,
    kafka.RebalanceInProgressError,
    kafka.UnknownMemberIdError,
)


def translate(error: BaseException, doing: str) -> KafkaError:
    """Give an error of aiokafka or of the socket its place in our tree.

    Args:
        error: What was raised.
        doing: What was being done, such as "publishing to otlp_spans"; starts the message.
    """
    if isinstance(error, KafkaError):
        return error
    text = f"{doing}: {_described(error)}"
    if isinstance(error, _TOO_LARGE):
        return MessageTooLarge(text)
    if isinstance(error, _LOST):
        return PartitionLost(text)
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return TransientKafkaError(f"{doing}: the topic does not exist; has `rak-migrate up` run?")
    if isinstance(error, _PERMANENT):
        return PermanentKafkaError(text)
    return TransientKafkaError(text)


def _described(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
