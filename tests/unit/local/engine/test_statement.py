"""How a statement is run, from its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_services.local.engine.errors import EngineError
from rak_services.local.engine.statement import Kind, quote_string, read_statement


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1", Kind.SELECT),
        ("  ( (select 1))", Kind.SELECT),
        ("-- c\n# d\n/* e */WITH 1 AS x SELECT x", Kind.SELECT),
        ("FROM t SELECT a", Kind.SELECT),
        ("SHOW TABLES", Kind.ANSWER),
        ("explain SELECT 1", Kind.ANSWER),
        ("DESC t", Kind.ANSWER),
        ("SET a = 1", Kind.SETTING),
        ("USE x;", Kind.SETTING),
        ("CREATE TABLE t AS SELECT 1", Kind.OTHER),
        ("", Kind.OTHER),
        ("INSERT INTO t VALUES", Kind.INSERT),
        ("INSERT INTO t VALUES ;", Kind.INSERT),
        ("insert into t(a) format Native", Kind.INSERT),
        ("INSERT INTO t", Kind.INSERT),
        ("INSERT INTO t VALUES (1)", Kind.OTHER),
        ("INSERT INTO t VALUES (';'), (2);", Kind.OTHER),
        ("INSERT INTO t FORMAT CSV 1;2", Kind.OTHER),
        ("INSERT INTO t SELECT 1", Kind.OTHER),
        ("INSERT INTO t (SELECT 1)", Kind.OTHER),
        ("INSERT INTO t (a) WITH 1 AS x SELECT x", Kind.OTHER),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", Kind.OTHER),
    ],
)
def test_the_kind_of_a_statement(text: str, kind: Kind) -> None:
    assert read_statement(text.encode()).kind is kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 FORMAT JSON", "SELECT 1 "),
        ("SELECT 1 FORMAT JSON SETTINGS a = 1;", "SELECT 1  SETTINGS a = 1"),
        ("SELECT 1; -- the end", "SELECT 1"),
        ("SELECT format('{}', 1)", "SELECT format('{}', 1)"),
        ("SELECT (SELECT 1 FORMAT JSON)", "SELECT (SELECT 1 FORMAT JSON)"),
        ("SELECT ';' AS `;`, $$;$$, $a$ ; $$ $a$", "SELECT ';' AS `;`, $$;$$, $a$ ; $$ $a$"),
        ("SELECT 'it''s \\' ; FORMAT JSON'", "SELECT 'it''s \\' ; FORMAT JSON'"),
    ],
)
def test_only_a_closing_format_clause_and_semicolon_go(text: str, expected: str) -> None:
    assert read_statement(text.encode()).text == expected.encode()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT 2",
        "DROP TABLE a; DROP TABLE b",
        "SET a=1;;x",
        "INSERT INTO t VALUES (1); DROP TABLE t",
        "INSERT INTO t SELECT 1; DROP TABLE t",
        "INSERT INTO t (SELECT 1); DROP TABLE t",
    ],
)
def test_several_statements_are_error_62(text: str) -> None:
    with pytest.raises(EngineError, match="Multi-statements") as caught:
        read_statement(text.encode())
    assert caught.value.code == 62


@pytest.mark.parametrize(
    ("text", "head", "settings", "table", "columns"),
    [
        ("INSERT INTO t VALUES", "INSERT INTO t", "", "t", None),
        ("INSERT INTO TABLE d.t (a, b) VALUES", "INSERT INTO TABLE d.t (a, b)", "", "d.t",
         ("a", "b")),
        ("INSERT t (a) SETTINGS x = 1, y = 'VALUES' VALUES;", "INSERT t (a)",
         "SETTINGS x = 1, y = 'VALUES'", "t", ("a",)),
        ('INSERT INTO `d`.`a``b` (`c\\`d`, e.f, "g") FORMAT Native',
         'INSERT INTO `d`.`a``b` (`c\\`d`, e.f, "g")', "", "`d`.`a``b`", ("c`d", "e.f", "g")),
        ("INSERT INTO t (`ü`) VALUES", "INSERT INTO t (`ü`)", "", "t", ("ü",)),
        ("INSERT INTO t () VALUES", "INSERT INTO t", "()", "t", None),
        ("INSERT INTO FUNCTION file('a)', 'CSV', 'x Array(UInt8)') VALUES",
         "INSERT INTO FUNCTION file('a)', 'CSV', 'x Array(UInt8)')", "",
         "file('a)', 'CSV', 'x Array(UInt8)')", None),
    ],
)  # fmt: skip
def test_the_parts_of_an_insert(
    text: str, head: str, settings: str, table: str, columns: tuple[str, ...] | None
) -> None:
    target = read_statement(text.encode()).target
    assert target is not None
    assert target.statement.decode() == head
    if "()" not in text:
        assert target.settings.decode().strip() == settings
    assert target.table.decode() == table
    assert target.columns == columns
    assert target.pattern is None


def test_a_column_list_that_is_more_than_names_is_kept_as_text() -> None:
    target = read_statement(b"INSERT INTO t (* EXCEPT(a)) VALUES").target
    assert target is not None
    assert (target.pattern, target.columns) == (b"* EXCEPT(a)", None)


@given(st.binary(max_size=300))
def test_any_bytes_are_classified_or_error_62(statement: bytes) -> None:
    assert outcome(statement) in {*Kind, 62}


WORDS = ["INSERT", "INTO", "t", "(", ")", ",", ".", ";", "'a'", "`", "$$", "/*", "SELECT", "VALUES",
         "FORMAT", "SETTINGS", "FUNCTION"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_are_classified_or_error_62(words: list[str]) -> None:
    assert outcome(" ".join(["INSERT", *words]).encode()) in {*Kind, 62}


def outcome(statement: bytes) -> object:
    try:
        return read_statement(statement).kind
    except EngineError as error:
        return error.code


@pytest.mark.parametrize("opening", ["'", "`", '"', "/*", "$$", "$a$"])
def test_what_is_not_closed_is_read_once(opening: str) -> None:
    """Trying again behind each of the openings would take hours."""
    statement = ("SELECT " + f"{opening} \\{opening} x" * 200_000 + opening).encode()
    assert outcome(statement) in {Kind.SELECT, 62}


@given(st.text())
def test_a_quoted_string_is_one_token(text: str) -> None:
    quoted = quote_string(text)
    inner = quoted[1:-1].replace("\\\\", "").replace("\\'", "")
    assert "'" not in inner
    assert read_statement(f"SELECT {quoted}; ".encode("utf-8", "replace")).kind is Kind.SELECT
