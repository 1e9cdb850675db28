"""docs/semconv.md lists the rules that the model has, in their order."""

import re
from pathlib import Path

import pytest

from rak_libs.model.attribute_facts import READINGS
from rak_libs.model.operations import (
    NO_OPERATION,
    OPERATION_SPELLINGS,
    SPAN_NAMES,
    OperationSpelling,
)
from rak_libs.model.promotion import PROMOTIONS, Promotion
from rak_libs.model.semconv_generations import Generation

PAGE = (Path(__file__).parents[3] / "docs" / "semconv.md").read_text()


def section(heading: str) -> str:
    level = heading.partition(" ")[0]
    text = PAGE.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", text, maxsplit=1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table in a text, but for their headings."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [line.replace("`", "").split(" | ") for line in lines]


@pytest.mark.parametrize("rule", PROMOTIONS, ids=lambda rule: rule.column)
def test_every_spelling_is_listed_in_its_order(rule: Promotion) -> None:
    heading, *listed = rows(section(f"### {rule.column}"))
    assert heading == ["attribute", "from", "read as"]
    assert listed == [[each.key, each.generation, each.reading] for each in rule.spellings]


def test_every_column_has_a_section() -> None:
    """In the order of the rules."""
    sections = re.findall(r"^### (.*)$", section("## Columns"), re.MULTILINE)
    assert sections == [*(rule.column for rule in PROMOTIONS), "operation"]


@pytest.mark.parametrize("spelling", OPERATION_SPELLINGS, ids=lambda spelling: spelling.key)
def test_what_tells_an_operation_is_listed(spelling: OperationSpelling) -> None:
    listed = rows(section("### operation"))
    begin = listed.index([f"{spelling.key} ({spelling.generation})", "operation"]) + 1
    assert listed[begin:][: len(spelling.operations)] == [
        [value, "none" if operation == NO_OPERATION else operation]
        for value, operation in spelling.operations.items()
    ]


def test_operations_by_attributes_and_by_name_are_in_their_order() -> None:
    listed = rows(section("### operation"))
    headings = [name for name, operation in listed if operation == "operation"]
    told = [f"{each.key} ({each.generation})" for each in OPERATION_SPELLINGS]
    assert headings == [*told, "name, or first word"]
    names = listed[listed.index(["name, or first word", "operation"]) + 1 :]
    assert names == [[name, operation or "none"] for name, operation in SPAN_NAMES.items()]


def test_every_origin_and_way_of_reading_is_explained() -> None:
    origins = [name for name, _ in rows(section("## Where spellings come from"))[1:]]
    assert origins == list(Generation)
    ways = [name for name, _ in rows(section("## How values are read"))[1:]]
    assert ways == list(READINGS)
