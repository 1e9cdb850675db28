"""An operator's way with what could not be stored, from the list to the stored row."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fleet
from integration.writer.conftest import Operated, Pipeline
from rak_libs.model.time_window import DAY_NS
from rak_libs.runtime.settings import StorageSettings
from rak_services.writer.dlq.selection import NoSuchLetter
from traffic import numbered_request

SERVICE = "operated"
GARBAGE = b"\xff this is no request"


def letters(pipeline: Pipeline, *options: str) -> list[dict[str, Any]]:
    listed = pipeline.operate("dlq", "list", "--format", "json", *options)
    assert listed.status == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout.splitlines()[-1])
    return found


def last_line(operated: Operated) -> list[str]:
    return operated.stdout.splitlines()[-1].split()


def stored(pipeline: Pipeline) -> list[int]:
    rows = pipeline.select(
        f"SELECT attributes_int['number'] FROM spans WHERE service_name = '{SERVICE}' ORDER BY 1"
    )
    return [number for (number,) in rows]


def test_poison_is_set_aside_looked_at_put_right_and_stored(pipeline: Pipeline) -> None:
    """Old spans are refused until the retention is longer; garbage stays garbage and is dropped."""
    good = numbered_request(SERVICE, 0, 10)
    old = numbered_request(SERVICE, 10, 3)
    for span in old.resource_spans[0].scope_spans[0].spans:
        span.start_time_unix_nano = time.time_ns() - 40 * DAY_NS
        span.end_time_unix_nano = span.start_time_unix_nano
    pipeline.publish([good.SerializeToString(), GARBAGE, old.SerializeToString()])
    with pipeline.writer():
        pipeline.wait_written()
        fleet.wait_until(lambda: len(letters(pipeline)) == 2, "both are set aside")
    assert stored(pipeline) == list(range(10))

    by_reason = {letter["reason"]: letter for letter in letters(pipeline)}
    assert by_reason["time_expired"]["items"] == 3
    assert letters(pipeline, "--reason", "undecodable") == [by_reason["undecodable"]]
    assert letters(pipeline, "--to", "now-1h") == []
    with pytest.raises(NoSuchLetter, match=r"otlp_spans\.dlq has no letter 0:99"):
        pipeline.operate("dlq", "show", "0:99")
    garbage, expired = by_reason["undecodable"]["id"], by_reason["time_expired"]["id"]
    shown = pipeline.operate("dlq", "show", garbage).stdout
    assert "refused whole: UndecodableMessage" in shown
    assert "ff 20 74 68 69 73" in shown
    shown = pipeline.operate("dlq", "show", expired).stdout
    assert "0 rows stored, 3 refused as time_expired" in shown
    assert '"stringValue": "operated"' in shown

    dropped = pipeline.operate("dlq", "drop", garbage)
    assert (dropped.status, last_line(dropped)) == (0, [garbage, "dropped"])
    longer = StorageSettings(spans_retention_days=60)
    pipeline.config = msgspec.structs.replace(pipeline.config, storage=longer)
    fleet.migrate(pipeline.config, pipeline.folder)
    assert "3 rows stored" in pipeline.operate("dlq", "show", expired).stdout

    with pipeline.writer():
        planned = pipeline.operate("dlq", "replay", "--all", "--dry-run")
        assert planned.stderr.strip() == "otlp_spans.dlq: 1 letter, 1 would be sent"
        replayed = pipeline.operate("dlq", "replay", "--all")
        assert replayed.status == 0, replayed.stderr
        assert last_line(replayed)[:2] == [expired, "replayed"]
        assert replayed.stderr.strip() == "otlp_spans.dlq: 2 letters, 1 dropped, 1 replayed"
        repeated = pipeline.operate("dlq", "replay", expired)
        assert last_line(repeated)[:3] == [expired, "already", "replayed"]
        pipeline.wait_written()
    assert stored(pipeline) == list(range(13))
    whole = [
        "--topic",
        "otlp_spans",
        "--from",
        "now-1h",
        "--to",
        "now+1h",
        "--into",
        "spans_shadow",
    ]
    # The longer retention lets the original be stored as well as what was sent again.
    assert "(1 of them once dead letters), 16 rows" in pipeline.operate("replay", *whole).stdout
    whole[-1] = "spans_shadow_of_originals"
    originals = pipeline.operate("replay", *whole, "--originals-only").stdout
    assert "(0 of them once dead letters), 13 rows" in originals
    assert letters(pipeline) == []
    states = {letter["id"]: letter["state"] for letter in letters(pipeline, "--state", "all")}
    assert states == {garbage: "dropped", expired: "replayed"}


def test_what_an_operator_gets_wrong_is_named(tmp_path: Path) -> None:
    """As a process of its own, since it ends one."""
    config = fleet.fleet_config(fleet.Ports(), tmp_path)
    for arguments, status, text in (
        (["dlq", "replay"], 2, "rak-writer: dlq replay: expected letters' ids, or --all"),
        (["dlq", "list"], 1, f"rak-writer: connecting to {config.kafka.bootstrap_servers}: "),
    ):
        with fleet.service("rak-writer", config, tmp_path, arguments) as command:
            assert command.process.wait(timeout=60) == status
            assert command.output().splitlines()[-1].startswith(text)
