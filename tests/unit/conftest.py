import socket
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit means unit: a test of this folder that opens a network socket fails."""

    def refuse(self: socket.socket, address: Any, *_: Any) -> None:
        raise AssertionError(f"a unit test opened a socket to {address!r}")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
