"""How far behind now the first page of a search looks."""

from rak_services.query.snapshots import snapshot_at

NOW = 1_700_000_000_000


def test_a_snapshot_is_taken_before_the_oldest_insert_that_runs() -> None:
    assert snapshot_at(NOW, 0, clustered=False) == NOW
    assert snapshot_at(NOW, 120, clustered=False) == NOW - 120


def test_an_insert_that_hangs_hides_five_seconds_at_most() -> None:
    assert snapshot_at(NOW, 3_600_000, clustered=False) == NOW - 5_000


def test_a_cluster_is_read_a_second_behind() -> None:
    """INSERTs of other nodes are not in this node's list."""
    assert snapshot_at(NOW, 0, clustered=True) == NOW - 1_000
    assert snapshot_at(NOW, 120, clustered=True) == NOW - 1_120
