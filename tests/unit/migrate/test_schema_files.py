"""Schema files: what a file must be, how it is rendered, and the rules of the project's own."""

from pathlib import Path

import pytest

from rak_libs.model.ledger import LEDGER, SUMMARY_STATES, TRACE_TOTALS
from rak_libs.model.metric_rollups import ROLLUP_TABLES
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.runtime.settings import StorageSettings
from rak_services.migrate.config import Target
from rak_services.migrate.errors import BadSchemaFile
from rak_services.migrate.files import SchemaFile, load_schema_files, schema_folder

SINGLE = Target(
    database="telemetry",
    cluster="",
)
CLUSTER = Target(
    database="telemetry",
    cluster="main",
)
OWN_FILES = load_schema_files(schema_folder())


def _one(folder: Path, text: str, name: str = "0001_thing.sql") -> SchemaFile:
    (folder / name).write_text(text)
    (file,) = load_schema_files(folder)
    return file


def test_files_come_in_the_order_of_their_versions(tmp_path: Path) -> None:
    """The number decides, not the order of creation."""
    (tmp_path / "0010_b.sql").write_text("SELECT 10;")
    (tmp_path / "0002_a.sql").write_text("SELECT 2;")
    (tmp_path / "notes.txt").write_text("not SQL")
    assert [(f.version, f.object) for f in load_schema_files(tmp_path)] == [(2, "a"), (10, "b")]


@pytest.mark.parametrize("name", ["1_short.sql", "0001-dash.sql", "0001_Upper.sql", "spans.sql"])
def test_a_wrong_name_is_refused(tmp_path: Path, name: str) -> None:
    """The error names the file and shows a right name."""
    (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(BadSchemaFile, match=rf"{name}: expected a name like 0002_spans\.sql"):
        load_schema_files(tmp_path)


def test_two_files_with_one_version_are_refused(tmp_path: Path) -> None:
    """Two branches may not both add 0002."""
    (tmp_path / "0002_a.sql").write_text("SELECT 1;")
    (tmp_path / "0002_b.sql").write_text("SELECT 1;")
    with pytest.raises(BadSchemaFile, match=r"0002_a\.sql and 0002_b\.sql"):
        load_schema_files(tmp_path)


@pytest.mark.parametrize("text", ["", "-- nothing\n", "SELECT 1", "SELECT 1; SELECT 2;"])
def test_a_file_holds_exactly_one_statement(tmp_path: Path, text: str) -> None:
    """A crash between two statements of one file could not be told from success."""
    with pytest.raises(BadSchemaFile, match="one statement"):
        _one(tmp_path, text)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """No files means a broken installation, not an empty schema."""
    with pytest.raises(BadSchemaFile, match="no schema files"):
        load_schema_files(tmp_path)


def test_comments_and_the_semicolon_are_not_sent(tmp_path: Path) -> None:
    """What reaches the engine is the statement alone."""
    file = _one(tmp_path, "-- why\nSELECT ${spans_retention_days}\n-- more\n  + 1;\n")
    assert file.render(SINGLE) == "SELECT 30\n  + 1"


@pytest.mark.parametrize("placeholder", ["${retention}", "${}", "$ "])
def test_an_unknown_placeholder_is_refused(tmp_path: Path, placeholder: str) -> None:
    """The error lists the placeholders that exist."""
    file = _one(tmp_path, f"SELECT {placeholder};")
    with pytest.raises(BadSchemaFile, match=r"0001_thing\.sql.*known are .*spans_retention_days"):
        file.render(SINGLE)


def test_the_checksum_is_of_the_template(tmp_path: Path) -> None:
    """Configuration and line ends do not change it; any other byte does."""
    text = "SELECT ${spans_retention_days};\n"
    checksums = []
    for number, content in enumerate([text, text.replace("\n", "\r\n"), text + "-- x\n"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "0001_thing.sql").write_bytes(content.encode())
        checksums.append(load_schema_files(folder)[0].checksum)
    assert checksums[0] == checksums[1] != checksums[2]


def test_names_are_quoted() -> None:
    """A database may have any name that ClickHouse allows."""
    target = Target(
        database="tele`metry", cluster="a b", storage=StorageSettings(spans_retention_days=1)
    )
    assert target.placeholders()["database"] == r"`tele\`metry`"
    assert target.on_cluster == " ON CLUSTER `a b`"


@pytest.mark.parametrize("file", OWN_FILES, ids=lambda file: file.name)
def test_a_file_of_the_project_is_harmless_when_run_twice(file: SchemaFile) -> None:
    """A crash between a statement and its record makes it run again; some replace themselves."""
    statement = file.render(CLUSTER)
    assert any(
        words in statement for words in ("IF NOT EXISTS", " MODIFY QUERY", " MODIFY SETTING")
    )


@pytest.mark.parametrize("file", OWN_FILES, ids=lambda file: file.name)
def test_a_file_of_the_project_has_two_forms(file: SchemaFile) -> None:
    """On one node nothing of a cluster is left; on a cluster every node runs the statement."""
    assert " ON CLUSTER `main`" in file.render(CLUSTER)
    if file.cluster_only:
        made = "Distributed(`main`" in file.render(CLUSTER)
        assert made or file.render(CLUSTER).startswith("ALTER TABLE")
        return
    single = file.render(SINGLE)
    assert not [
        word for word in ("CLUSTER", "Replicated", "_local", "/clickhouse/") if word in single
    ]


def test_sharded_tables_have_a_replica_path_of_their_own() -> None:
    """Replicas of one shard share a path; every node shares that of schema_migrations."""
    made = [file for file in OWN_FILES if file.render(CLUSTER).startswith("CREATE TABLE")]
    rendered = {file.object: file.render(CLUSTER) for file in made if not file.cluster_only}
    per_shard = "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
    assert f"ReplicatedMergeTree{per_shard}" in rendered["spans"]
    assert f"ReplicatedAggregatingMergeTree{per_shard}" in rendered["trace_times"]
    with_version = per_shard.replace(")", ", sequence)")
    assert f"ReplicatedReplacingMergeTree{with_version}" in rendered["pipeline"]
    with_version = per_shard.replace(")", ", seen_at)")
    assert f"ReplicatedReplacingMergeTree{with_version}" in rendered["metric_series"]
    assert f"ReplicatedMergeTree{per_shard}" in rendered["metric_samples"]
    with_version = per_shard.replace(")", ", seen_until)")
    assert f"ReplicatedReplacingMergeTree{with_version}" in rendered["metric_samples_1m"]
    for everywhere in ("schema_migrations", "derive_progress"):
        assert "/clickhouse/tables/all/" in rendered[everywhere]


def test_retention_follows_the_configuration() -> None:
    """Every table that expires carries the configured days."""
    target = Target(
        database="telemetry",
        cluster="",
        storage=StorageSettings(
            spans_retention_days=7,
            metrics_retention_days=60,
            metric_rollups_retention_days=50,
            summaries_retention_days=300,
            profiles_retention_days=5,
        ),
    )
    points = "toDateTime(timestamp) + toIntervalDay(60)"
    assert {file.object: ttl for file in OWN_FILES if (ttl := file.ttl(target))} == {
        "spans": "toDateTime(timestamp) + toIntervalDay(7)",
        "trace_times": "day + toIntervalDay(7) + toIntervalDay(1)",
        "attribute_keys": "toDate(hour) + toIntervalDay(7) + toIntervalDay(1)",
        "pipeline": "toDateTime(hour) + toIntervalDay(90)",
        "metric_series": "day + toIntervalDay(60) + toIntervalDay(1)",
        **{table.name: points for table in METRIC_TABLES if table.by_batch},
        "logs": "toDateTime(timestamp) + toIntervalDay(30)",
        **{table.name: points.replace("60", "50") for table in ROLLUP_TABLES},
        "cpu_profiles": "toDateTime(timestamp) + toIntervalDay(5)",
        "memory_profiles": "toDateTime(timestamp) + toIntervalDay(5)",
        **{table.name: points.replace("60", "7") for table in (LEDGER, TRACE_TOTALS)},
        **{table.name: "slot + toIntervalDay(300)" for table in SUMMARY_STATES},
        "profile_stacks": "day + toIntervalDay(5) + toIntervalDay(1)",
    }
