from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.otlp_receiver.agents import Receiver, receiver_with_broker

MAX_REQUEST_BYTES = 1024 * 1024


@pytest.fixture(scope="package")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver that takes requests of at most 1 MiB, and its broker; all tests here share it."""
    folder: Path = tmp_path_factory.mktemp("receiver")
    with receiver_with_broker(folder, receiver={"max_request_bytes": MAX_REQUEST_BYTES}) as running:
        yield running
