"""Just enough reading of SQL to know how a statement must be run.

The engine parses SQL; this module only answers: do blocks of data follow, is there a result to
stream, and where is a trailing FORMAT clause, which on this protocol is the client's business.
It works on Latin-1 text, in which offsets are those of the bytes.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from rak_services.local.engine.errors import EngineError
from rak_services.local.engine.protocol import ErrorCode

# What is not closed reaches to the end: trying again behind each opening would take for ever.
_TOKEN = re.compile(
    r"""
      (?P<blank> \s++ | --[^\n]*+ | \#[\ !][^\n]*+ | /\*.*?(?:\*/|\Z) )
    | (?P<string> '(?:[^'\\]++|\\.|'')*+(?:'|\Z) )
    | (?P<quoted> `(?:[^`\\]++|\\.|``)*+(?:`|\Z) | "(?:[^"\\]++|\\.|"")*+(?:"|\Z) )
    | (?P<heredoc> \$(?P<tag>\w*+)\$.*?(?:\$(?P=tag)\$|\Z) )
    | (?P<word> [A-Za-z_]\w*+ )
    | (?P<number> \d[\w.]*+ )
    | (?P<symbol> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)|``|\"\"", re.DOTALL)

_STREAMED = {"SELECT", "WITH", "FROM"}
_ANSWERED = {"SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK"}


class Kind(Enum):
    """How a statement is run."""

    SELECT = auto()
    """A result is streamed; an empty one still has columns."""
    ANSWER = auto()
    """A small result (SHOW, DESCRIBE, EXPLAIN, ...); an empty one still has columns."""
    INSERT = auto()
    """Blocks of data follow from the client."""
    SETTING = auto()
    """SET or USE: changes the connection's session."""
    OTHER = auto()
    """DDL, INSERT ... SELECT, INSERT ... VALUES with the values inline, and the rest."""


class InsertTarget(NamedTuple):
    """Where an INSERT's blocks go.

    Attributes:
        statement: the INSERT up to its table and columns, without SETTINGS and VALUES.
        settings: the SETTINGS clause, or no bytes.
        table: the table as written, possibly quoted and qualified, or a table function's call.
        columns: names in order, unquoted; None when the statement names none.
        pattern: the text of a column list that is more than names (`* EXCEPT(a)`), or None.
    """

    statement: bytes
    settings: bytes
    table: bytes
    columns: tuple[str, ...] | None
    pattern: bytes | None


class Statement(NamedTuple):
    """A statement ready for the engine.

    Attributes:
        kind: how to run it.
        text: the statement without FORMAT clause and trailing semicolon.
        target: for an INSERT whose data follow.
    """

    kind: Kind
    text: bytes
    target: InsertTarget | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    begin: int
    end: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    def is_symbol(self, symbol: str) -> bool:
        return self.kind == "symbol" and self.text == symbol


_END = _Token("end", "", -1, -1)


def read_statement(statement: bytes) -> Statement:
    """Classifies a statement.

    Raises:
        EngineError: code 62, several statements in one query.
    """
    tokens = _tokens(statement.decode("latin-1"))
    first = next((token for token in tokens if not token.is_symbol("(")), _END)
    word = first.text.upper()
    if word == "INSERT":
        return _read_insert(statement, tokens)
    text = _without_format(statement)
    if word in _STREAMED:
        return Statement(Kind.SELECT, text)
    if word in _ANSWERED:
        return Statement(Kind.ANSWER, text)
    if word in {"SET", "USE"}:
        return Statement(Kind.SETTING, text)
    return Statement(Kind.OTHER, text)


def quote_string(text: str) -> str:
    """A ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "symbol"
        if match["heredoc"] is not None:
            kind = "string"
        if kind != "blank":
            yield _Token(kind, match[0], match.start(), match.end())


def _without_format(statement: bytes) -> bytes:
    """The statement without comments after its end, semicolon and top-level FORMAT clause."""
    tokens = list(_tokens(statement.decode("latin-1")))
    while tokens and tokens[-1].is_symbol(";"):
        tokens.pop()
    depth = 0
    cut: tuple[int, int] | None = None
    for index, token in enumerate(tokens):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if token.is_symbol(";"):
            raise _several_statements(token)
        if depth == 0 and token.is_word("FORMAT") and _names_format(tokens[index + 1 :]):
            cut = (token.begin, tokens[index + 1].end)
    end = tokens[-1].end if tokens else 0
    if cut is None:
        return statement[:end]
    return statement[: cut[0]] + statement[cut[1] : end]


def _several_statements(semicolon: _Token) -> EngineError:
    return EngineError(
        ErrorCode.SYNTAX_ERROR,
        f"Syntax error (Multi-statements are not allowed): failed at position "
        f"{semicolon.begin + 1}. (SYNTAX_ERROR)",
    )


def _names_format(following: list[_Token]) -> bool:
    if not following or following[0].kind != "word":
        return False
    return len(following) == 1 or following[1].is_word("SETTINGS")


def _read_insert(statement: bytes, tokens: Iterator[_Token]) -> Statement:
    token = next(tokens, _END)
    if token.is_word("INTO"):
        token = next(tokens, _END)
    if token.is_word("TABLE"):
        token = next(tokens, _END)
    if token.is_word("FUNCTION"):
        return _read_function_insert(statement, tokens)
    begin, end = token.begin, token.end
    token = next(tokens, _END)
    if token.is_symbol("."):
        end = next(tokens, _END).end
        token = next(tokens, _END)
    target = InsertTarget(statement[:end], b"", statement[begin:end], None, None)
    if token.is_symbol("("):
        inside = _inside_parentheses(tokens)
        if inside and inside[0].is_word("SELECT", "WITH"):
            return _self_contained(statement, tokens)
        target = _with_columns(target, statement, inside)
        token = next(tokens, _END)
    return _read_insert_source(statement, target, token, tokens)


def _read_function_insert(statement: bytes, tokens: Iterator[_Token]) -> Statement:
    name = next(tokens, _END)
    end = next(tokens, _END).end  # of the parenthesis before the arguments
    inside = _inside_parentheses(tokens)
    end = statement.find(b")", inside[-1].end if inside else end) + 1
    target = InsertTarget(statement[:end], b"", statement[name.begin : end], None, None)
    return _read_insert_source(statement, target, next(tokens, _END), tokens)


def _inside_parentheses(tokens: Iterator[_Token]) -> list[_Token]:
    inside: list[_Token] = []
    depth = 1
    for token in tokens:
        depth += token.is_symbol("(") - token.is_symbol(")")
        if depth == 0:
            break
        inside.append(token)
    return inside


def _with_columns(target: InsertTarget, statement: bytes, inside: list[_Token]) -> InsertTarget:
    if not inside:
        return target
    head = statement[: statement.find(b")", inside[-1].end) + 1]
    plain = all(
        token.kind in {"word", "quoted"} or token.is_symbol(",") or token.is_symbol(".")
        for token in inside
    )
    if not plain or any(token.is_word("EXCEPT") for token in inside):
        pattern = statement[inside[0].begin : inside[-1].end]
        return target._replace(statement=head, pattern=pattern)
    names = [""]
    for token in inside:
        if token.is_symbol(","):
            names.append("")
        else:
            names[-1] += _unquoted(token)
    columns = tuple(name.encode("latin-1").decode(errors="replace") for name in names)
    return target._replace(statement=head, columns=columns)


def _unquoted(token: _Token) -> str:
    if token.kind != "quoted":
        return token.text
    return _ESCAPE.sub(lambda match: match[1] or match[0][0], token.text[1:-1])


def _self_contained(statement: bytes, rest: Iterator[_Token]) -> Statement:
    """An INSERT that brings its rows along.

    Raises:
        EngineError: code 62, another statement follows.
    """
    for token in rest:
        if token.is_symbol(";") and next(rest, _END) is not _END:
            raise _several_statements(token)
    return Statement(Kind.OTHER, statement)


def _read_insert_source(
    statement: bytes, target: InsertTarget, token: _Token, tokens: Iterator[_Token]
) -> Statement:
    """Finds out whether data follow, from the first token after the table and its columns on."""
    depth = 0
    settings_begin = settings_end = len(target.statement)
    while token is not _END and not token.is_symbol(";"):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if token.is_word("SELECT", "WITH", "INFILE"):
            return _self_contained(statement, tokens)
        if depth == 0 and token.is_word("VALUES", "FORMAT"):
            name = next(tokens, _END) if token.is_word("FORMAT") else None
            token = next(tokens, _END)
            if token is _END or token.is_symbol(";"):
                break
            # Values are SQL; data of a named format may hold any semicolon.
            return _self_contained(statement, tokens if name is None else iter(()))
        settings_end = token.end
        token = next(tokens, _END)
    settings = statement[settings_begin:settings_end]
    return Statement(Kind.INSERT, statement, target._replace(settings=settings))
