import json
from pathlib import Path

from process_samples import MEBIBYTE, Series
from soak_results import page


def test_rows_with_the_same_columns_share_a_table(tmp_path: Path) -> None:
    rows = [
        {"what": "kills", "figures": {"lost": 0}, "date": "2026-11-24", "commit": "a"},
        {"what": "writer", "figures": {"threads": "5 to 5"}, "date": "2026-11-24", "commit": "a"},
        {"what": "storm", "figures": {"lost": 2}, "date": "2026-11-25", "commit": "b"},
    ]
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps(row) + "\n" for row in rows))

    _, *tables = page(results, 1).rstrip("\n").split("\n\n|")

    assert [table.splitlines() for table in tables] == [
        [
            "  | lost | date | commit |",
            "| --- | --- | --- | --- |",
            "| kills | 0 | 2026-11-24 | a |",
            "| storm | 2 | 2026-11-25 | b |",
        ],
        [
            "  | threads | date | commit |",
            "| --- | --- | --- | --- |",
            "| writer | 5 to 5 | 2026-11-24 | a |",
        ],
    ]


def test_a_run_that_failed_says_so(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.touch()
    assert "Everything passed." in page(results, 0)
    assert "Not everything passed." in page(results, 1)


def test_growth_is_told_by_the_hour_whatever_was_sampled() -> None:
    growing = Series(
        seconds=[0.0, 900.0, 1800.0], rss_bytes=[100, 100 + MEBIBYTE, 100 + 2 * MEBIBYTE]
    )
    assert round(growing.slope_per_hour() / MEBIBYTE, 6) == 4.0


def test_a_count_is_flat_while_it_comes_down_again_to_what_it_was() -> None:
    assert Series.is_flat([5, 7, 8, 5])
    assert not Series.is_flat([5, 7, 7, 6])
