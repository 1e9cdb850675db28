"""Every error of `rak-migrate` has an exit status, and the first class that fits decides."""

import pytest

from rak_libs.clickhouse.errors import SchemaError, TransientClickHouseError
from rak_services.migrate import errors
from rak_services.migrate.app import STATUS_OF_ERROR, ExitStatus


def _status(kind: type[Exception]) -> ExitStatus:
    return next(status for known, status in STATUS_OF_ERROR if issubclass(kind, known))


def _leaves(kind: type[Exception]) -> list[type[Exception]]:
    below = [leaf for child in kind.__subclasses__() for leaf in _leaves(child)]
    return below or [kind]


@pytest.mark.parametrize("kind", _leaves(errors.MigrateError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_other_than_success(kind: type[Exception]) -> None:
    assert _status(kind) not in {ExitStatus.DONE, ExitStatus.FAILED}


def test_statuses_tell_causes_apart() -> None:
    assert _status(errors.Refused) is ExitStatus.REFUSED
    assert _status(errors.LockHeld) is ExitStatus.LOCKED
    assert _status(errors.Unavailable) is ExitStatus.UNAVAILABLE
    assert _status(errors.MutationPending) is ExitStatus.PENDING
    assert _status(SchemaError) is ExitStatus.FAILED
    assert _status(TransientClickHouseError) is ExitStatus.FAILED
