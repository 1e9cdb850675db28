"""The embedded broker as the supervisor sees it."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from contract.broker.brokers import EmbeddedBroker, free_port, run
from rak_libs.runtime.settings import KafkaSettings
from rak_services.local.broker import BrokerNotReady, broker_command, resident_bytes, wait_ready

MEBIBYTE = 1024 * 1024


def test_waiting_ends_when_the_broker_answers(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        broker.kill()
        waiting = asyncio.create_task(wait_ready(broker.settings, 20))
        broker.launch()
        await waiting

    run(scenario())


def test_a_broker_that_does_not_come_is_named_with_its_key() -> None:
    nowhere = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerNotReady) as raised:
        run(wait_ready(nowhere, 0.3))
    assert nowhere.bootstrap_servers in str(raised.value)
    assert "[kafka] bootstrap_servers" in str(raised.value)


def test_something_else_on_the_port_is_not_taken_for_a_broker() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{other.getsockname()[1]}")
        tansu = subprocess.run(
            broker_command(settings), capture_output=True, text=True, timeout=20, check=False
        )
        assert "Address in use" in tansu.stdout + tansu.stderr
        with pytest.raises(BrokerNotReady, match=r"bootstrap_servers"):
            run(wait_ready(settings, 0.3))


def test_the_command_listens_on_the_first_bootstrap_server() -> None:
    command = broker_command(KafkaSettings(bootstrap_servers="127.0.0.1:19092, 127.0.0.1:19093"))
    assert command[command.index("--listener-url") + 1] == "tcp://127.0.0.1:19092"
    assert command[command.index("--storage-engine") + 1].startswith("memory://")


def test_resident_bytes_are_those_of_the_process() -> None:
    own = resident_bytes(os.getpid())
    assert own is not None
    assert 10 * MEBIBYTE < own < 4096 * MEBIBYTE
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert resident_bytes(child.pid) is None
