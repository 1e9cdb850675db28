"""A write to a closed connection is a broken connection on every event loop."""

import asyncio

import pytest
from aiokafka import errors as kafka
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.admin import ApiVersionRequest

from rak_libs.kafka import aiokafka_seams


class ClosedTransport:
    """What a stream writer does on uvloop once its transport is closed."""

    def write(self, _data: bytes) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    def close(self) -> None:
        return


def test_a_write_to_a_closed_transport_closes_the_connection_and_can_be_tried_again() -> None:
    async def scenario() -> None:
        connection = AIOKafkaConnection("127.0.0.1", 1)
        connection._writer = ClosedTransport()
        with pytest.raises(kafka.KafkaConnectionError, match="closed=True") as raised:
            connection.send(ApiVersionRequest())
        assert raised.value.retriable
        assert not connection.connected()

    assert AIOKafkaConnection.send is aiokafka_seams._send_or_close
    asyncio.run(scenario())
