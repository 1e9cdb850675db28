"""Profiles in the live tables: found by what they belong to, and told sample by sample.

After a deliberate change of keys or indexes, or of the engine, run
`RAK_UPDATE_GOLDEN=1 python -m pytest tests/integration/schema/test_profiles.py` and review the
difference.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pprof_generation import small_profile
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.batch import new_batch
from rak_libs.model.message import Message
from rak_libs.model.profiles import PROFILE_TABLES, ProfileType
from rak_libs.model.time_window import time_window
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.decode_profile import decode_profiles
from rak_libs.pprof.profile_pb2 import Label, Line, Profile
from rak_libs.runtime.settings import ClickHouseSettings
from rak_services.migrate.config import Target

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("RAK_UPDATE_GOLDEN") == "1"
DOCUMENT = (Path(__file__).parents[3] / "docs" / "schema.md").read_text()
TRACE, SAMPLE_TRACE = "a" * 32, "b" * 32
SPAN, SAMPLE_SPAN = "1" * 16, "2" * 16

# One hour of yesterday and one INSERT, so one part of 16 granules.
FILL = """
INSERT INTO {table} (profile_id, timestamp, service_name, invocation_id, trace_id,
    `samples.stack`, `samples.values`, `samples.label_texts`, `samples.trace_id`,
    `samples.span_id`, `samples.span_name`)
SELECT
    lower(hex(MD5(toString(number)))),
    toDateTime64(toStartOfDay(now('UTC') - INTERVAL 1 DAY) + INTERVAL 10 HOUR, 9, 'UTC')
        + toIntervalMillisecond(number * 100),
    concat('service-', toString(number % 4)),
    concat('invocation-', toString(number)),
    lower(hex(MD5(concat('trace', toString(number))))),
    [1], [[1]], [''], [lower(hex(MD5(concat('sample', toString(number)))))], [''], ['']
FROM numbers(1024)
SETTINGS max_block_size = 1024, max_insert_threads = 1
"""
LOOKUPS = {
    "profile_id": ("profile_id = lower(hex(MD5('700')))", "idx_profile_id"),
    "profile_trace": ("trace_id = lower(hex(MD5('trace700')))", "idx_trace_id"),
    "profile_invocation": ("invocation_id = 'invocation-700'", "idx_invocation_id"),
    "profile_sample_trace": (
        "has(samples.trace_id, lower(hex(MD5('sample700'))))",
        "idx_sample_traces",
    ),
}


@pytest.fixture(scope="module")
def granules(statements: Statements, shared: Target) -> str:
    """A table like that of profiles, with granules of 64 rows, as of profiles of usual size."""
    table = shared.qualified("profiles_in_granules")
    ((made,),) = statements.rows(f"SHOW CREATE TABLE {shared.qualified('cpu_profiles')}")
    statements.execute(
        made.replace(".cpu_profiles", ".profiles_in_granules").replace(
            "index_granularity = 8192", "index_granularity = 64"
        )
    )
    statements.execute(FILL.format(table=table))
    return table


def profile_of_services() -> Profile:
    """Three samples: twice of main.work, inlined into itself and called by main.main.

    The second is of a span of its own; the third is of a place without a name.
    """
    profile = small_profile()
    profile.time_nanos = time.time_ns() - 60 * 10**9
    texts = len(profile.string_table)
    profile.string_table.extend(["trace_id", SAMPLE_TRACE, "span_id", SAMPLE_SPAN, "/srv/agent"])
    profile.location[0].line.append(Line(function_id=1, line=13))
    profile.mapping.add(id=1, memory_start=0x1000, filename=texts + 4)
    profile.location.add(id=3, mapping_id=1, address=0x1ABC)
    profile.sample[1].label.extend(
        [Label(key=texts, str=texts + 1), Label(key=texts + 2, str=texts + 3)]
    )
    profile.sample[2].location_id[:] = [3, 2]
    profile.sample[2].label[0].CopyFrom(Label(key=8, num=7, num_unit=2))
    return profile


@pytest.fixture(scope="module")
def stored(engine: ClickHouseSettings, shared: Target) -> str:
    """The id of a profile that is stored, of service `planner`."""
    context = ProfileContext(
        ProfileType.CPU, "planner", "i-1", "s-1", TRACE, SPAN, "shopper", (("version", "7"),)
    )
    now_ns = time.time_ns()
    profile = profile_of_services()
    message = Message(profile.SerializeToString(), now_ns // 1_000_000, context.to_headers())
    tables = {table.name: new_batch(table) for table in PROFILE_TABLES}
    known: set[int] = set()
    assert not decode_profiles(
        message,
        time_window(7, now_ns),
        tables,
        lambda stack, _day: stack not in known and not known.add(stack),
    )
    settings = msgspec.structs.replace(engine, database=shared.database)
    with contextlib.closing(Inserter(settings)) as inserter:
        for table in PROFILE_TABLES:
            inserter.insert(table, tables[table.name], {})
    (profile_id,) = tables["cpu_profiles"].columns["profile_id"]
    return str(profile_id)


@pytest.fixture(scope="module")
def client(engine: ClickHouseSettings, shared: Target) -> Iterator[Any]:
    connected = connect(engine, database=shared.database)
    yield connected
    connected.disconnect()


def test_samples_are_rows_with_the_names_of_their_frames(client: Any, stored: str) -> None:
    rows = client.execute(
        "SELECT locations, value, trace_id, span_id, labels, service_name, agent_name, "
        "invocation_id, profile_type, sample_type FROM profile_samples "
        f"WHERE profile_id = '{stored}' ORDER BY trace_id, value, length(locations)"
    )
    work = ["main.work", "main.work", "main.main"]
    rest = ("planner", "shopper", "i-1", "CPU", "cpu/nanoseconds")
    assert [row[:5] for row in rows] == [
        (["/srv/agent+0xabc", "main.main"], 10**7, TRACE, SPAN, {"tool": "7"}),
        (work, 10**7, TRACE, SPAN, {"tool": "main.work"}),
        (
            work,
            10**7,
            SAMPLE_TRACE,
            SAMPLE_SPAN,
            {"tool": "main.work", "trace_id": SAMPLE_TRACE, "span_id": SAMPLE_SPAN},
        ),
    ]
    assert {row[5:] for row in rows} == {rest}


def test_the_hotspots_of_the_documentation_are_right(client: Any, stored: str) -> None:
    """A function that calls itself counts once in what it and its callees took."""
    assert stored
    example = DOCUMENT.partition("\n### 5. CPU hotspots\n")[2].partition("\n## ")[0]
    (query,) = re.findall(r"```sql\n(.*?)```", example, re.DOTALL)
    assert client.execute(query) == [
        ("main.main", 0, 30_000_000, 100.0),
        ("main.work", 20_000_000, 20_000_000, pytest.approx(200 / 3)),
        ("/srv/agent+0xabc", 10_000_000, 10_000_000, pytest.approx(100 / 3)),
    ]


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_lookup_uses_its_index(statements: Statements, granules: str, lookup: str) -> None:
    """The plan is the golden file; its last index leaves few granules; pruning loses nothing."""
    condition, index = LOOKUPS[lookup]
    rows = statements.rows(
        f"EXPLAIN indexes = 1 SELECT profile_id FROM {granules} WHERE {condition} "
        "SETTINGS use_query_condition_cache = 0"
    )
    # The database has another name whenever other tests ran before.
    plan = "\n".join(re.sub(r"\bschema_\d+", "telemetry", line) for (line,) in rows) + "\n"
    path = GOLDEN / f"{lookup}.txt"
    if UPDATE:
        path.write_text(plan)
    assert plan == path.read_text()
    assert f"Name: {index}\n" in plan
    found = [(int(a), int(b)) for a, b in re.findall(r"Granules: (\d+)/(\d+)", plan)]
    assert found[-1][0] <= 2, plan
    assert found[0][1] >= 8, plan
    assert statements.rows(f"SELECT count() FROM {granules} WHERE {condition}") == [(1,)]
