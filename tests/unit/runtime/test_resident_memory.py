import sys

import pytest

from rak_libs.runtime.resident_memory import MemoryCeiling, resident_bytes, return_free_memory

MEBIBYTE = 1024 * 1024
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells resident memory")


@linux
def test_a_ceiling_is_exceeded_while_the_process_holds_more() -> None:
    ceiling = MemoryCeiling(64 * MEBIBYTE)
    assert not ceiling.exceeded()
    held = b"x" * 128 * MEBIBYTE
    assert ceiling.exceeded()
    del held
    return_free_memory()
    assert not ceiling.exceeded()


@linux
def test_resident_memory_is_what_the_kernel_says() -> None:
    before = resident_bytes()
    held = b"x" * 32 * MEBIBYTE
    assert resident_bytes() - before > 16 * MEBIBYTE
    del held


def test_memory_that_is_not_known_exceeds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rak_libs.runtime.resident_memory._STATM", type("Absent", (), {"read_bytes": _absent})()
    )
    assert resident_bytes() == 0
    assert not MemoryCeiling(1).exceeded()


def _absent(_self: object) -> bytes:
    raise FileNotFoundError
