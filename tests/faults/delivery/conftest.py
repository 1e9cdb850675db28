from collections.abc import Iterator

import pytest

from delivery_path import DeliveryPath, delivery_path


@pytest.fixture(scope="package")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeliveryPath]:
    """One Kafka, one engine and one receiver for the tests of this folder, which have writers.

    A test that kills one of them starts it again, and leaves nothing unwritten in the queue.
    """
    with delivery_path(tmp_path_factory.mktemp("path")) as started:
        yield started
