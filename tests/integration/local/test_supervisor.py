"""The supervisor keeps services running, says loudly when one dies, and gives up when it must."""

import asyncio
import sys
from pathlib import Path

import pytest

from fleet import Ports, fleet, fleet_config, service, wait_until
from rak_services.local.child import ChildSpec
from rak_services.local.supervisor import FleetFailed, Supervisor


def python(name: str, code: str) -> ChildSpec:
    return ChildSpec(name, [sys.executable, "-c", code])


def test_a_service_that_keeps_dying_stops_the_fleet() -> None:
    async def scenario() -> None:
        supervisor = Supervisor("127.0.0.1")
        await supervisor.start(python("doomed", "raise SystemExit(7)"))
        await asyncio.wait_for(supervisor.failed, 60)

    with pytest.raises(FleetFailed, match=r"doomed died 5 times within 60 s, .* exit status 7"):
        asyncio.run(scenario())


def test_a_killed_service_is_started_again(tmp_path: Path) -> None:
    marks = tmp_path / "starts"
    code = f"open({str(marks)!r}, 'a').write('x'); import time; time.sleep(60)"

    async def scenario() -> None:
        supervisor = Supervisor("127.0.0.1")
        await supervisor.start(python("sleeper", code))
        while not marks.exists():  # noqa: ASYNC110  another process makes the file
            await asyncio.sleep(0.02)
        supervisor._children["sleeper"].kill()
        while marks.read_text() != "xx":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert supervisor.pid("sleeper") is not None
        await supervisor.stop("sleeper", 5)
        assert supervisor.pid("sleeper") is None

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_child_that_ignores_sigterm_is_killed_after_the_deadline() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"

    async def scenario() -> int | None:
        supervisor = Supervisor("127.0.0.1")
        await supervisor.start(python("deaf", code))
        await asyncio.sleep(0.5)  # until the child has set its handler
        child = supervisor._children["deaf"]
        return await child.stop(0.5)

    assert asyncio.run(scenario()) == -9


def test_a_command_that_fails_names_how(tmp_path: Path) -> None:
    async def scenario() -> None:
        await Supervisor("127.0.0.1").run_once(python("setup", "raise SystemExit(3)"), 30)

    with pytest.raises(FleetFailed, match="setup failed with exit status 3"):
        asyncio.run(scenario())


def test_a_port_in_use_is_named_with_the_key_that_changes_it(tmp_path: Path) -> None:
    import socket

    ports = Ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.otlp_http))
        taken.listen()
        with service("rak-local", fleet_config(ports, tmp_path), tmp_path) as child:
            assert child.process.wait(timeout=60) == 98
    assert f"port {ports.otlp_http} is in use" in child.output()
    assert "[server] otlp_http_port" in child.output()


def test_output_lines_carry_the_name_of_their_service(tmp_path: Path) -> None:
    with fleet(tmp_path) as started:
        output = started.supervisor.output
        wait_until(lambda: "OTLP over gRPC" in output(), "the table is printed")
        names = {line.split("|")[0].strip() for line in output().splitlines() if "|" in line}
        assert {"engine", "migrate", "otlp-receiver", "writer", "query"} <= names
    assert started.supervisor.process.returncode == 0
