"""What a receiver answers with an error beside what is wrong with the telemetry itself."""


class ReceiverError(Exception):
    """The root of the receivers' own errors."""


class NotNow(ReceiverError):
    """The request may be sent again, unchanged, after a while."""


class Overloaded(NotNow):
    """The memory for requests in flight is used up: by what was let in, or by what is arriving."""

    def __init__(self) -> None:
        super().__init__("too much is in flight; send it again later")


class Held(NotNow):
    """An operator asked the receiver to take nothing for a while."""


class ShuttingDown(NotNow):
    """The process is on its way out."""


class BodyTooSlow(NotNow):
    """The body did not arrive within the time that a request may take."""


class BadBody(ReceiverError):
    """The body can never be read as it is."""


class UndecodableBody(BadBody):
    """The body is not encoded as its headers say."""


class BodyTooLarge(BadBody):
    """The body exceeds the limit on bytes, compressed or not."""


class BadHttpRequest(ReceiverError):
    """The HTTP request can never be taken, whatever its body is."""


class NoSuchPath(BadHttpRequest):
    """Nothing is taken at the path."""


class MethodNotAllowed(BadHttpRequest):
    """The path takes POST only."""


class UnsupportedContentType(BadHttpRequest):
    """The body is of a media type that is not taken at the path."""


class UnsupportedContentEncoding(BadHttpRequest):
    """The body is compressed in a way that receivers do not read."""


class ClientGone(ReceiverError):
    """The client closed the connection before its body was complete: nobody takes an answer."""
