"""What is wrong with a request beside its profile."""

from rak_libs.receiving.errors import ReceiverError


class BadParameter(ReceiverError):
    """A parameter of the request is unknown, or does not hold what it should.

    Attributes:
        field: The parameter's name.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
