"""docs/rollups.md describes the columns that the model has, which are those of the tables."""

import re
from pathlib import Path

import pytest

from rak_libs.model.metric_rollups import PROGRESS, ROLLUP_TABLES, STEP_SECONDS
from rak_libs.model.table import Table

PAGE = (Path(__file__).parents[3] / "docs" / "rollups.md").read_text()
TABLES = [*ROLLUP_TABLES, PROGRESS]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_described(table: Table) -> None:
    """In the table's order, with its type."""
    heading = re.sub(f"_({'|'.join(STEP_SECONDS)})$", "", table.name)
    (section,) = re.findall(rf"^### {heading}\n(.*?)^##", PAGE, re.MULTILINE | re.DOTALL)
    described = re.findall(r"^\| `([a-z_]+)` \| ([A-Z][^|]+) \|", section, re.MULTILINE)
    assert described == [
        (column.name, re.sub(r"^Enum8\(.*", "Enum8", column.type)) for column in table.columns
    ]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_listed(table: Table) -> None:
    assert f"`{table.name}`" in PAGE.partition("## Columns")[0]
