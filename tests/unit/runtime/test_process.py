"""The interpreter is run again with the allocator settings once, and only where it helps."""

import gc
import os
import sys
from collections.abc import Iterator

import pytest

from rak_libs.runtime import process
from rak_libs.runtime.process import ALLOCATOR_SETTINGS, ensure_allocator, tune_garbage_collector


class Executed(Exception):
    pass


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], dict[str, str]]]:
    """The commands that would have replaced this process."""
    calls = []

    def execve(path: str, arguments: list[str], environment: dict[str, str]) -> None:
        calls.append((path, arguments, environment))
        raise Executed

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "rak_services.writer", "--config", "x"])
    for name in ALLOCATOR_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return calls


Executions = list[tuple[str, list[str], dict[str, str]]]


def test_without_the_settings_the_same_command_is_run_with_them(executed: Executions) -> None:
    before = dict(os.environ)
    with pytest.raises(Executed):
        ensure_allocator()
    ((path, arguments, environment),) = executed
    assert path == sys.executable
    assert arguments == [sys.executable, "-m", "rak_services.writer", "--config", "x"]
    assert environment == before | ALLOCATOR_SETTINGS


def test_with_the_settings_it_goes_on(
    executed: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ALLOCATOR_SETTINGS.items():
        monkeypatch.setenv(name, value)
    ensure_allocator()
    assert executed == []


def test_an_operators_own_setting_stays(
    executed: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_TOP_PAD_", "4096")
    with pytest.raises(Executed):
        ensure_allocator()
    assert executed[0][2]["MALLOC_TOP_PAD_"] == "4096"
    for name in ALLOCATOR_SETTINGS:
        monkeypatch.setenv(name, "4096")
    ensure_allocator()
    assert len(executed) == 1


def test_elsewhere_than_on_linux_nothing_happens(
    executed: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    ensure_allocator()
    assert executed == []


@pytest.fixture
def _collector_as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("_collector_as_it_was")
def test_the_collector_leaves_what_exists_alone_and_runs_rarely() -> None:
    tune_garbage_collector()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == process.YOUNG_OBJECTS_BEFORE_COLLECTION == 200_000
    assert gc.isenabled()
