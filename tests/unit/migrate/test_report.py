"""What `plan` and `status` print."""

from datetime import UTC, datetime

from rak_libs.kafka.admin import TopicSteps
from rak_libs.runtime.settings import StorageSettings
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.ledger import Applied
from rak_services.migrate.plan import Retention, Step
from rak_services.migrate.report import plan_text, tables_text, topics_text

TARGET = Target(database="telemetry", cluster="", storage=StorageSettings(spans_retention_days=7))


def _file(version: int, checksum: str, *, cluster_only: bool = False) -> SchemaFile:
    name = f"{version:04}_thing.sql"
    return SchemaFile(version, name, "thing", "SELECT 1;", checksum, cluster_only)


def _applied(version: int, checksum: str) -> Applied:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    return Applied(version, f"{version:04}_thing.sql", checksum, "single", "0.1.0", at)


def test_the_plan_shows_every_statement() -> None:
    steps = [Step("create database d", "CREATE DATABASE d"), Step("apply x", "CREATE TABLE x")]
    assert plan_text(steps, ["create topic otlp_spans"]) == (
        "-- create database d\nCREATE DATABASE d;\n\n"
        "-- apply x\nCREATE TABLE x;\n\n"
        "-- create topic otlp_spans"
    )


def test_an_empty_plan_says_so() -> None:
    assert plan_text([], []) == "Nothing to do."


def test_status_shows_applied_pending_edited_and_unknown_files() -> None:
    """A file of the other form is not shown; one of a newer release is."""
    files = (_file(1, "a" * 64), _file(2, "b" * 64, cluster_only=True), _file(3, "c" * 64))
    files += (_file(4, "d" * 64),)
    applied = {1: _applied(1, "a" * 64), 3: _applied(3, "e" * 64), 9: _applied(9, "f" * 64)}
    lines = tables_text(TARGET, files, applied, []).splitlines()
    assert lines[0] == "Database telemetry, single form"
    when = "2026-03-01 12:30:00 0.1.0"
    assert [" ".join(line.split()) for line in lines[3:7]] == [
        f"0001_thing.sql applied {when}",
        f"0003_thing.sql edited: cccccccccccc is not eeeeeeeeeeee {when}",
        "0004_thing.sql pending",
        f"0009_thing.sql unknown: of another release {when}",
    ]


def test_status_shows_retention_and_what_up_would_make_of_it() -> None:
    retentions = [
        Retention("spans", 30, 7, "ttl", fits=False),
        Retention("trace_times", None, 7, "ttl", fits=False),
        Retention("other", 7, 7, "ttl", fits=True),
    ]
    lines = tables_text(TARGET, (), {}, retentions).splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["spans", "30", "days", "up", "makes", "it", "7", "days"],
        ["trace_times", "ever", "up", "makes", "it", "7", "days"],
        ["other", "7", "days"],
    ]


def test_status_shows_topics() -> None:
    topics = ["otlp_spans", "otlp_spans.dlq", "rak_pipeline"]
    lines = topics_text(topics, TopicSteps(["rak_pipeline"], ["otlp_spans.dlq"])).splitlines()
    assert [line.split(maxsplit=1) for line in lines[1:]] == [
        ["otlp_spans", "present"],
        ["otlp_spans.dlq", "dated by producers: up makes it the broker"],
        ["rak_pipeline", "missing"],
    ]
