"""The cluster form, as far as one node without a cluster can show it.

Nothing here replicates or distributes. The statements are those of the cluster form with `ON
CLUSTER` and the replicated engines taken out, which leaves every name, column, type, key and view
to be checked; a Distributed table can be checked up to the point where the engine looks for the
cluster, which is after it has resolved the columns and the sharding expression.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.ledger import LEDGER, SUMMARY_STATES, TRACE_TOTALS
from rak_libs.model.metric_rollups import ROLLUP_TABLES
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.profiles import PROFILE_TABLES
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile

CLUSTER = "no_such_cluster"
CLUSTER_DOESNT_EXIST = 701
UNKNOWN_IDENTIFIER = 47
Files = tuple[SchemaFile, ...]
OF_METRICS = [table.name for table in (*METRIC_TABLES, *ROLLUP_TABLES)]
OF_PROFILES = [table.name for table in PROFILE_TABLES]
OF_TRACES = ["spans", "trace_times", LEDGER.name, TRACE_TOTALS.name]
OF_SUMMARIES = [table.name for table in SUMMARY_STATES]
SHARDED = [*OF_TRACES, "attribute_keys", "pipeline", "logs", *OF_METRICS, *OF_PROFILES]
SHARDED += OF_SUMMARIES


def _on_one_node(file: SchemaFile, target: Target) -> str:
    """Render the cluster form without what needs a cluster."""
    sql = file.render(replace(target, cluster=CLUSTER)).replace(f" ON CLUSTER `{CLUSTER}`", "")
    engine = r"Replicated(\w*MergeTree)\('/clickhouse/[^']*', '[^']*'(?:, ([\w, ]+))?\)"
    return re.sub(engine, lambda found: f"{found[1]}({found[2] or ''})", sql)


def _failure(statements: Statements, sql: str) -> ClickHouseError:
    with pytest.raises(ClickHouseError) as raised:
        statements.execute(sql)
    return raised.value


@pytest.fixture(scope="module")
def cluster_form(statements: Statements, files: Files) -> Iterator[Target]:
    """A database with every statement of the cluster form that one node can run.

    The views of summaries read Distributed tables: they are made over others that read the same.
    """
    target = Target(database="cluster_form", cluster="")
    statements.execute(f"CREATE DATABASE {target.database}")
    for file in files:
        if not file.cluster_only:
            statements.execute(_on_one_node(file, target))
        if file.object in OF_SUMMARIES:
            table, local = (target.qualified(f"{file.object}{end}") for end in ("", "_local"))
            engine = f"Merge('{target.database}', '^{file.object}_local$')"
            statements.execute(f"CREATE TABLE {table} AS {local} ENGINE = {engine}")
    for name in OF_SUMMARIES:
        statements.execute(f"DROP TABLE {target.qualified(name)} SYNC")
    yield target
    statements.execute(f"DROP DATABASE {target.database} SYNC")


def _shape(statements: Statements, target: Target, table: str) -> list[list[Any]]:
    """Columns with defaults and codecs, skip indexes, and keys of a table."""
    where = f"database = '{target.database}' AND"
    return [
        statements.rows(f"DESCRIBE TABLE {target.qualified(table)}"),
        statements.rows(
            "SELECT name, type_full, expr, granularity FROM system.data_skipping_indices "
            f"WHERE {where} table = '{table}' ORDER BY name"
        ),
        statements.rows(
            "SELECT engine, partition_key, sorting_key, primary_key FROM system.tables "
            f"WHERE {where} name = '{table}'"
        ),
    ]


@pytest.mark.parametrize("table", SHARDED)
def test_a_local_table_is_the_table_of_the_single_form(
    statements: Statements, cluster_form: Target, shared: Target, table: str
) -> None:
    """Columns, aliases, codecs, indexes and keys."""
    local = _shape(statements, cluster_form, f"{table}_local")
    assert local == _shape(statements, shared, table)
    assert all(local[part] for part in (0, 2))


def test_the_feed_joins_the_local_tables(statements: Statements, cluster_form: Target) -> None:
    """A node's trace times come from its own spans."""
    spans, times = (cluster_form.qualified(f"{name}_local") for name in ("spans", "trace_times"))
    statements.execute(f"INSERT INTO {spans} (trace_id, timestamp) SELECT repeat('a', 32), now64()")
    assert statements.rows(f"SELECT trace_id FROM {times}") == [("a" * 32,)]


def _distributed(files: Files) -> dict[str, SchemaFile]:
    """Return the files of Distributed tables by the table's name."""
    made = (file for file in files if "ENGINE = Distributed" in file.template)
    return {file.object.removesuffix("_distributed"): file for file in made}


def test_every_sharded_table_has_a_distributed_one(files: Files) -> None:
    """What has rows on each node is read over all of them."""
    sharded = [file.object for file in files if "${local}${on_cluster}\n(" in file.template]
    assert list(_distributed(files)) == sharded


@pytest.mark.parametrize("table", [*SHARDED, "metrics"])
def test_a_distributed_table_lacks_nothing_but_the_cluster(
    statements: Statements, cluster_form: Target, files: Files, table: str
) -> None:
    """The engine accepts the local table's name, its columns and the sharding expression."""
    error = _failure(statements, _on_one_node(_distributed(files)[table], cluster_form))
    assert (error.code, CLUSTER in error.message) == (CLUSTER_DOESNT_EXIST, True)


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("cityHash64(trace_id)", "cityHash64(trace)", UNKNOWN_IDENTIFIER),
        ("AS {database}.spans_local", "AS {database}.span_local", 60),
    ],
    ids=["sharding expression", "local table"],
)
def test_a_wrong_distributed_table_would_be_noticed(
    statements: Statements, cluster_form: Target, files: Files, right: str, wrong: str, code: int
) -> None:
    """The check above can fail: a mistake is found before the cluster is looked for."""
    sql = _on_one_node(_distributed(files)["spans"], cluster_form)
    database = f"`{cluster_form.database}`"
    right, wrong = right.format(database=database), wrong.format(database=database)
    assert right in sql
    assert _failure(statements, sql.replace(right, wrong)).code == code


def test_a_trace_lives_on_one_shard(files: Files) -> None:
    """Spans, their trace's times and what was made of them are sharded by the trace."""
    target = Target(
        database="telemetry",
        cluster=CLUSTER,
    )
    for table in OF_TRACES:
        local = f"Distributed(`{CLUSTER}`, `telemetry`, {table}_local, cityHash64(trace_id))"
        assert local in _distributed(files)[table].render(target)


def test_points_of_a_series_lie_beside_it(files: Files) -> None:
    """Every table of metrics is sharded by the series."""
    for table in OF_METRICS:
        assert f"{table}_local, fingerprint)" in _distributed(files)[table].template


def test_summaries_of_a_service_lie_together(files: Files) -> None:
    """Rows of one key replace each other on one shard."""
    for table in OF_SUMMARIES:
        assert f"{table}_local, cityHash64(service_name))" in _distributed(files)[table].template


def test_every_shard_joins_its_own_points(files: Files) -> None:
    """The view reads local tables alone."""
    (view,) = (file for file in files if file.object == "metrics")
    rendered = view.render(Target(database="telemetry", cluster=CLUSTER))
    assert "VIEW IF NOT EXISTS `telemetry`.metrics_local" in rendered
    read = re.findall(r"FROM `telemetry`\.(\w+)", rendered)
    assert len(read) == 5
    assert all(table.endswith("_local") for table in read)


def test_records_of_a_trace_live_with_its_spans(files: Files) -> None:
    """Those without a trace are spread by service and time."""
    sharded_by = _distributed(files)["logs"].template.partition("logs_local,")[2]
    otherwise = "cityHash64(service_name, timestamp)"
    assert f"if(trace_id = '', {otherwise}, cityHash64(trace_id))" in sharded_by


def test_profiles_of_a_trace_live_with_its_spans(files: Files) -> None:
    """Those without a trace are spread by their id, each beside what it says of memory."""
    for table in ("cpu_profiles", "memory_profiles"):
        sharded_by = _distributed(files)[table].template.partition(f"{table}_local,")[2]
        assert "if(trace_id = '', cityHash64(profile_id), cityHash64(trace_id))" in sharded_by


def test_samples_are_named_by_stacks_of_all_shards(files: Files) -> None:
    """A stack may lie on another shard than its profiles: the view reads Distributed tables."""
    (view,) = (file for file in files if file.object == "profile_samples")
    rendered = view.render(Target(database="telemetry", cluster=CLUSTER))
    assert re.findall(r"FROM `telemetry`\.(\w+)", rendered) == ["cpu_profiles", "profile_stacks"]
    assert "GLOBAL ANY LEFT JOIN" in rendered


def test_rows_of_the_account_meet_what_they_replace(files: Files) -> None:
    """A row's shard follows from columns of its key alone."""
    (pipeline,) = (file for file in files if file.object == "pipeline")
    key = pipeline.template.partition("ORDER BY (")[2].partition(")")[0].split(", ")
    sharded_by = _distributed(files)["pipeline"].template.partition("cityHash64(")[2]
    assert set(sharded_by.partition(")")[0].split(", ")) <= set(key)
