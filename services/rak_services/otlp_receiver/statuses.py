"""What OTLP clients are told, where it is not what all receivers say."""

from typing import Final

import grpc

from rak_libs.otlp.errors import RequestTooLarge, UndecodableRequest
from rak_libs.receiving.statuses import BAD_DATA, TOO_LARGE, ErrorStatus, StatusTable

STATUSES: Final = StatusTable([(UndecodableRequest, BAD_DATA), (RequestTooLarge, TOO_LARGE)])

_GRPC_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def grpc_code(status: ErrorStatus) -> grpc.StatusCode:
    """Return a status as gRPC's library wants it."""
    return _GRPC_CODES[status.code]
