"""The checker finds each thing that it is there to find, and nothing where nothing is wrong."""

from delivery_path import DeliveryPath
from ledger import Ledger

SPANS = 240


def where(ledger: Ledger, sequence: int) -> str:
    return (
        f"service_name = '{ledger.name}' AND attributes_string['producer'] = 'producer-0' "
        f"AND attributes_int['sequence'] = {sequence}"
    )


def test_the_checker_finds_what_was_done_to_rows(path: DeliveryPath) -> None:
    with path.writer(), path.ledger("checker", producers=2, total=SPANS) as ledger:
        ledger.join()
        path.wait_written()
    found = path.check(ledger)
    assert found.faults == {}
    assert (found.acknowledged, found.stored) == (SPANS, SPANS)

    path.execute(f"DELETE FROM spans WHERE {where(ledger, 4)}")
    path.execute(f"INSERT INTO spans SELECT * FROM spans WHERE {where(ledger, 8)}")
    path.execute(
        "INSERT INTO spans SELECT * REPLACE (mapUpdate(attributes_int, "
        "CAST(map('sequence', 12345), toTypeName(attributes_int))) AS attributes_int) "
        f"FROM (SELECT * FROM spans WHERE {where(ledger, 9)})"
    )
    path.execute(
        "ALTER TABLE spans UPDATE attributes_int = mapUpdate(attributes_int, "
        "CAST(map('checksum', 1), toTypeName(attributes_int))) "
        f"WHERE {where(ledger, 10)} SETTINGS mutations_sync = 1"
    )
    path.execute(
        "DELETE FROM trace_times WHERE (trace_id, day) IN "
        f"(SELECT trace_id, toDate(timestamp) FROM spans WHERE {where(ledger, 40)})"
    )

    found = path.check(ledger)
    assert found.faults == {
        "lost": 1,
        "duplicated": 1,
        "never_sent": 1,
        "altered": 2,
        "disagreeing": 1,
        "partitions": {
            f"{ledger.partition(4)} lost": 1,
            f"{ledger.partition(8)} duplicated": 1,
        },
    }
