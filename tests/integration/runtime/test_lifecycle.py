"""How the process of a service starts and ends, seen from outside."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

StartService = Callable[..., Any]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_status_0(
    start_service: StartService, number: signal.Signals
) -> None:
    service = start_service("drains")
    assert service.wait_for("probe.ready")["loop"] == "uvloop"
    service.process.send_signal(number)
    assert service.exit_status() == 0
    names = [line["event"] for line in service.events]
    expected = ["service.starting", "admin.listening", "probe.ready", "service.stopping"]
    assert names == [*expected, "probe.draining", "probe.drained", "service.stopped"]
    assert service.named("service.stopping")[0]["signal"] == number.name
    assert {line["service"] for line in service.events} == {"rak-probe"}


def test_a_second_signal_ends_it_at_once_with_status_130(start_service: StartService) -> None:
    service = start_service("never_drains")
    service.wait_for("probe.ready")
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("service.stopping")
    service.process.send_signal(signal.SIGINT)
    assert service.exit_status() == 130
    assert service.named("service.forced_to_exit")[0]["signal"] == "SIGINT"


def test_a_second_signal_ends_it_even_when_its_loop_is_busy(start_service: StartService) -> None:
    service = start_service("keeps_loop_busy")
    service.wait_for("probe.busy")
    service.process.send_signal(signal.SIGTERM)
    service.process.send_signal(signal.SIGINT)
    assert service.exit_status() == 130


@pytest.mark.parametrize("mode", ["never_drains", "keeps_loop_busy", "leaves_thread_behind"])
def test_a_drain_past_its_deadline_ends_with_status_1_and_a_line(
    start_service: StartService, mode: str
) -> None:
    service = start_service(mode, RAK_SERVER__SHUTDOWN_TIMEOUT_SECONDS="0.3")
    service.wait_for("probe.busy" if mode == "keeps_loop_busy" else "probe.ready")
    if mode != "leaves_thread_behind":
        service.process.send_signal(signal.SIGTERM)
    assert service.exit_status() == 1
    (line,) = service.named("service.drain_timed_out")
    assert (line["level"], line["timeout_seconds"]) == ("error", 0.3)


def test_a_deadline_ends_it_even_when_nobody_reads_its_log() -> None:
    """A pipe that is full and not read keeps the last line from being written, and no more."""
    program = (
        "import asyncio, os, sys\n"
        "from rak_libs.runtime.lifecycle import run_service\n"
        "from rak_libs.runtime.config import load_config\n"
        "async def main(stop):\n"
        "    print('ready', flush=True)\n"
        "    os.set_blocking(2, False)\n"
        "    try:\n"
        "        while True: os.write(2, b'x' * 65536)\n"
        "    except BlockingIOError: os.set_blocking(2, True)\n"
        "    asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), 15)\n"
        "    await asyncio.Event().wait()\n"
        "config = load_config(None, {'RAK_SERVER__SHUTDOWN_TIMEOUT_SECONDS': '0.3'})\n"
        "sys.exit(run_service('rak-probe', config, main))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.wait(30) == 1
        finally:
            process.kill()


def test_a_service_that_returns_by_itself_ends_with_status_0(start_service: StartService) -> None:
    service = start_service("returns")
    assert service.exit_status() == 0
    assert service.named("service.stopped")


def test_a_failure_is_logged_with_its_fields_and_ends_with_status_1(
    start_service: StartService,
) -> None:
    service = start_service("fails")
    assert service.exit_status() == 1
    (line,) = service.named("service.failed")
    assert (line["error_class"], line["error"]) == ("ValueError", "the reason")
    assert "probe_service.py" in line["traceback"]
    assert service.plain_lines == []
    assert not service.named("service.stopped")


def test_an_exit_that_the_service_asks_for_keeps_its_status(start_service: StartService) -> None:
    assert start_service("exits_with_three").exit_status() == 3


def test_what_fails_beside_the_service_is_logged_in_the_same_form(
    start_service: StartService,
) -> None:
    """Threads, callbacks of the loop and warnings: nothing bypasses the log."""
    service = start_service("fails_beside", PYTHONWARNINGS="always")
    service.wait_for("service.unhandled_error")
    service.process.send_signal(signal.SIGTERM)
    assert service.exit_status() == 0
    assert service.plain_lines == []
    (thread,) = service.named("service.thread_failed")
    assert (thread["thread"], thread["error_class"]) == ("beside", "ZeroDivisionError")
    (callback,) = service.named("service.unhandled_error")
    assert callback["error_class"] == "KeyError"
    messages = [line["message"] for line in service.named("library.log")]
    assert any("DeprecationWarning: old ways" in message for message in messages)


def test_a_port_in_use_is_one_line_that_names_port_and_key_and_status_98(
    start_service: StartService,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        service = start_service("drains", port=port)
        assert service.exit_status() == 98
    message = f"rak-probe: port {port} is in use; change [server] writer_admin_port"
    assert service.plain_lines == [message]


def test_an_address_of_another_machine_is_one_line_and_status_1(
    start_service: StartService,
) -> None:
    service = start_service("drains", RAK_SERVER__HOST="192.0.2.1")
    assert service.exit_status() == 1
    (line,) = service.plain_lines
    assert line.startswith("rak-probe: cannot listen on 192.0.2.1 (")
    assert line.endswith("; change [server] host")


def test_the_same_line_comes_out_of_a_task_group(start_service: StartService) -> None:
    service = start_service("fails_in_group")
    assert service.exit_status() == 1
    assert service.plain_lines == ["rak-probe: cannot listen on 192.0.2.1; change [server] host"]


def test_a_refused_configuration_ends_with_status_2_before_anything_is_done(
    start_service: StartService,
) -> None:
    service = start_service("drains", RAK_SERVER__BATCH_SIZE="0", RAK_CLICKHOUSE__PASSWORT="s3c")
    assert service.exit_status() == 2
    assert service.events == []
    assert service.plain_lines[0] == "rak-probe: the configuration has 2 problems:"
    assert not any("s3c" in line for line in service.plain_lines)


def test_the_log_can_be_written_for_people(start_service: StartService) -> None:
    service = start_service("returns", RAK_LOGGING__FORMAT="console")
    assert service.exit_status() == 0
    assert service.events == []
    assert any("service.starting" in line for line in service.plain_lines)
