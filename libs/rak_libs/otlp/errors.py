"""What can be wrong with an OTLP request; receivers turn these into statuses at their edge."""


class OtlpError(Exception):
    """The root of everything that the OTLP library raises."""


class PermanentOtlpError(OtlpError):
    """The same bytes will fail again: the sender must not repeat them."""


class TransientOtlpError(OtlpError):
    """The same bytes may be taken later: the sender should repeat them."""


class UndecodableRequest(PermanentOtlpError):
    """The bytes are no request of the expected message type.

    Attributes:
        field: Path of the offending JSON field (`resourceSpans[0].scopeSpans[1]`), or empty when
            the bytes as a whole cannot be read.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class UndecodableMessage(PermanentOtlpError):
    """A queue message whose bytes are no request of its topic's signal."""


class RequestTooLarge(PermanentOtlpError):
    """The request exceeds a limit on bytes or on items."""
