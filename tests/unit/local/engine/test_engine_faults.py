"""Faults for tests: off by default, exact when asked for."""

import pytest

from rak_services.local.engine.errors import Disconnected, EngineError
from rak_services.local.engine.faults import parse_faults


def test_nothing_happens_unless_asked_for() -> None:
    faults = parse_faults([])
    for expected in range(1, 100):
        number = faults.before_commit()
        assert number == expected
        faults.after_commit(number)


def test_each_fault_strikes_once_at_its_insert() -> None:
    faults = parse_faults(["error-insert=2:241", "drop-after-commit=3"])
    assert faults.before_commit() == 1
    with pytest.raises(EngineError) as caught:
        faults.before_commit()
    assert caught.value.code == 241
    assert faults.before_commit() == 3
    with pytest.raises(Disconnected):
        faults.after_commit(3)
    assert faults.before_commit() == 4
    faults.after_commit(4)


@pytest.mark.parametrize(
    "text", ["", "explode", "delay-insert=soon", "error-insert=1", "drop-after-commit="]
)
def test_a_malformed_fault_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected drop-after-commit=K"):
        parse_faults([text])
