from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from rak_libs.otlp.errors import UndecodableRequest

AnyMessage = TypeVar("AnyMessage", bound=Message)


def request_from_protobuf(body: bytes, message_type: type[AnyMessage]) -> AnyMessage:
    """Parse a binary request.

    Raises:
        UndecodableRequest: The bytes are not one, or are nested deeper than protobuf allows.
    """
    try:
        return message_type.FromString(body)
    except DecodeError as error:
        name = message_type.DESCRIPTOR.name
        raise UndecodableRequest(f"the body is not a protobuf {name}") from error
