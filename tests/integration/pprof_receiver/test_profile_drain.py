"""How the pprof receiver's process begins and ends, and what it tells of itself."""

import contextlib
import gzip
import http.client
import itertools
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import Ports, fleet_config, http_status, service, wait_until
from integration.pprof_receiver.agents import PprofReceiver, another_pprof_receiver
from pprof_generation import small_profile

Told = dict[tuple[str, str], int]


@pytest.mark.parametrize("key", ["pprof_port", "pprof_admin_port"])
def test_a_port_in_use_is_named_with_its_key(tmp_path: Path, key: str) -> None:
    config = fleet_config(Ports(), tmp_path)
    port = getattr(config.server, key)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with service("rak-pprof-receiver", config, tmp_path) as process:
            assert process.process.wait(timeout=30) == 98
            assert f"port {port} is in use; change [server] {key}" in process.output()


@pytest.fixture
def ending(receiver: PprofReceiver, tmp_path: Path) -> Iterator[PprofReceiver]:
    """A receiver of its own, to be told to stop, that lets late comers in for two seconds."""
    often = {"status_interval_seconds": 0.2}
    notice = {"drain_notice_seconds": 2.0}
    with another_pprof_receiver(receiver, tmp_path, server=often, receiver=notice) as running:
        yield running


def told(receiver: PprofReceiver, boot: str) -> Told:
    """Profiles by outcome and reason that one run of a receiver told of: the newest counts."""
    newest = {
        (count.hour_ms, count.signal, count.outcome, count.reason): count.items
        for status in receiver.statuses()
        for count in status.counts
        if status.boot == boot
    }
    profiles: Told = {}
    for (_, signal, outcome, reason), number in newest.items():
        assert signal == "profiles"
        profiles[outcome, reason] = profiles.get((outcome, reason), 0) + number
    return profiles


def marked(mark: str) -> bytes:
    profile = small_profile()
    profile.string_table.append(mark)
    return profile.SerializeToString()


class Load:
    """Agents that send numbered profiles on connections of their own until they are refused."""

    def __init__(self, receiver: PprofReceiver) -> None:
        self._port = receiver.config.server.pprof_port
        self._numbers = itertools.count()
        self.acknowledged: set[bytes] = set()
        self.refused: list[tuple[int, str | None, str | None]] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        agent = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with contextlib.closing(agent):
            while True:
                content = marked(f"load {next(self._numbers)}")
                agent.request("POST", "/pprof/profile", gzip.compress(content, 1))
                answer = agent.getresponse()
                answer.read()
                if answer.status != 200:
                    said = answer.headers
                    self.refused.append((answer.status, said["retry-after"], said["connection"]))
                    return
                self.acknowledged.add(content)


def test_a_receiver_that_is_told_to_stop_loses_nothing_and_closes_its_account(
    ending: PprofReceiver,
) -> None:
    """Agents are asked to come again, and what was acknowledged is in the topic and the account."""
    assert ending.post(b"no profile").status == 400
    load = Load(ending)
    wait_until(lambda: len(load.acknowledged) > 50, "profiles are acknowledged")
    ending.service.process.terminate()
    wait_until(lambda: http_status(f"{ending.admin_url}/readyz") == 503, "it is not ready")
    load.join()
    assert ending.service.process.wait(timeout=60) == 0
    assert [status for status, _, _ in load.refused] == [503] * 4
    assert all(retry is not None and int(retry) >= 1 for _, retry, _ in load.refused)
    assert {connection for _, _, connection in load.refused} == {"close"}
    published = ending.published()
    assert load.acknowledged <= {record.value for record in published}
    (boot,) = {r.envelope.boot for r in published if r.value in load.acknowledged}
    last = [status for status in ending.statuses() if status.boot == boot][-1]
    assert (last.final, last.signals) == (True, ["profiles"])
    assert told(ending, boot) == {
        ("accepted", ""): len(load.acknowledged),
        ("rejected", "undecodable"): 1,
    }
