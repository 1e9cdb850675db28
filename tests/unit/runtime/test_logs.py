"""Every line is one JSON object with a stable event name, whoever wrote it."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from rak_libs.runtime.logs import QUIET_LIBRARIES, configure_logging, get_logger
from rak_libs.runtime.repeated_lines import QUIET_SECONDS
from rak_libs.runtime.settings import ClickHouseSettings, LoggingSettings

RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in QUIET_LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(capture=False)


@pytest.fixture
def lines() -> Callable[[], list[dict[str, Any]]]:
    """Configures JSON logs of a service `rak-x`; gives what was logged so far."""
    stream = io.StringIO()
    configure_logging("rak-x", LoggingSettings(), stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


Lines = Callable[[], list[dict[str, Any]]]


def fail(error: Exception) -> None:
    raise error


def test_a_line_has_the_common_fields_first_and_then_the_events(lines: Lines) -> None:
    get_logger("rak.part").info("writer.batch_inserted", rows=5, topic="otlp_spans")
    (line,) = lines()
    assert list(line) == ["timestamp", "level", "event", "service", "logger", "rows", "topic"]
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "writer.batch_inserted",
        "service": "rak-x",
        "logger": "rak.part",
        "rows": 5,
        "topic": "otlp_spans",
    }


def test_the_timestamp_is_rfc_3339_in_utc(lines: Lines) -> None:
    before = datetime.now(UTC)
    get_logger("rak.part").info("a.b")
    stamp = lines()[0]["timestamp"]
    assert re.fullmatch(RFC_3339, stamp)
    assert before <= datetime.fromisoformat(stamp) <= datetime.now(UTC)


def test_an_exception_becomes_fields(lines: Lines) -> None:
    log = get_logger("rak.part")
    try:
        fail(ValueError("two\nlines"))
    except ValueError as error:
        log.exception("a.failed")
        log.error("a.failed", exc_info=error)
    log.error("a.failed", exc_info=KeyError("never raised"))
    log.error("a.failed", exc_info=None)
    first, second, third, fourth = lines()
    assert (first["error_class"], first["error"]) == ("ValueError", "two\nlines")
    assert "Traceback" in first["traceback"]
    assert "raise error" in first["traceback"]
    assert second["traceback"] == first["traceback"]
    assert third["error_class"] == "KeyError"
    assert "error" not in fourth
    assert "exc_info" not in first


def test_tracebacks_show_no_values_of_variables(lines: Lines) -> None:
    password = "s3cret"
    try:
        fail(ValueError(len(password)))
    except ValueError:
        get_logger("rak.part").exception("a.failed")
    assert "s3cret" not in json.dumps(lines())


def test_lines_of_other_libraries_have_the_same_form(lines: Lines) -> None:
    logging.getLogger("aiokafka.conn").warning("no answer from %s", "127.0.0.1:9092")
    try:
        fail(OSError("gone"))
    except OSError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    warned, failed = lines()
    assert (warned["event"], warned["logger"]) == ("library.log", "aiokafka.conn")
    assert (warned["level"], warned["service"]) == ("warning", "rak-x")
    assert warned["message"] == "no answer from 127.0.0.1:9092"
    assert re.fullmatch(RFC_3339, warned["timestamp"])
    assert (failed["error_class"], failed["error"]) == ("OSError", "gone")


def test_other_libraries_are_heard_from_warning_on_unless_debugging(lines: Lines) -> None:
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).info("chatter")
    assert lines() == []
    stream = io.StringIO()
    configure_logging("rak-x", LoggingSettings(level="debug"), stream)
    logging.getLogger("uvicorn.error").debug("chatter")
    assert json.loads(stream.getvalue())["message"] == "chatter"


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["a.debug", "a.info", "a.warning", "a.error"]),
        ("info", ["a.info", "a.warning", "a.error"]),
        ("warning", ["a.warning", "a.error"]),
        ("error", ["a.error"]),
    ],
)
def test_lines_below_the_level_are_not_written(level: Any, heard: list[str]) -> None:
    stream = io.StringIO()
    configure_logging("rak-x", LoggingSettings(level=level), stream)
    log = get_logger("rak.part")
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(f"a.{name}")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == heard


def test_configuring_again_replaces_and_does_not_double(lines: Lines) -> None:
    log = get_logger("rak.part")
    log.info("a.before")
    stream = io.StringIO()
    configure_logging("rak-y", LoggingSettings(), stream)
    log.info("a.after")
    assert [line["event"] for line in lines()] == ["a.before"]
    assert [json.loads(line)["service"] for line in stream.getvalue().splitlines()] == ["rak-y"]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), b"\xff", {("a", 1): 2}, {1, 2}, "\ud800", "a\nb", object(), 2**70],
)
def test_any_value_leaves_one_line_of_strict_json(value: object) -> None:
    stream = io.StringIO()
    configure_logging("rak-x", LoggingSettings(), stream)
    get_logger("rak.part").info("a.b", value=value, rows=3)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    (text,) = stream.getvalue().splitlines()
    line = json.loads(text, parse_constant=refuse)
    assert (line["event"], line["rows"]) == ("a.b", 3)
    assert "value" in line


def test_a_value_that_refers_to_itself_is_written_too(lines: Lines) -> None:
    value: list[object] = []
    value.append(value)
    get_logger("rak.part").info("a.b", value=value)
    assert lines()[0]["value"] == "[[...]]"


def test_settings_that_are_logged_hide_the_password(lines: Lines) -> None:
    settings = ClickHouseSettings(password="s3cret")
    get_logger("rak.part").info("a.b", settings=settings, nested={"clickhouse": settings})
    text = json.dumps(lines())
    assert "s3cret" not in text
    assert "password='***'" in text


def test_the_console_form_is_for_people(lines: Lines) -> None:
    stream = io.StringIO()
    configure_logging("rak-x", LoggingSettings(format="console"), stream)
    try:
        fail(ValueError("gone wrong"))
    except ValueError:
        get_logger("rak.part").exception("a.failed", rows=5)
    logging.getLogger("aiokafka").error("no broker")
    text = stream.getvalue()
    assert re.match(RFC_3339, text)
    assert "a.failed" in text
    assert "rows=5" in text
    assert "ValueError: gone wrong" in text
    assert "no broker" in text
    assert "\x1b[" not in text
    assert lines() == []


def test_what_a_library_says_over_and_over_is_written_once_in_a_while(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_700_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setattr("time.time_ns", lambda: int(now * 1_000_000_000))
    library = logging.getLogger("aiokafka.conn")
    for node in range(60):
        library.error("Unable connect to node with id %s", node)
    library.error("something else")
    now += QUIET_SECONDS
    library.error("Unable connect to node with id %s", 60)
    said = [(line["message"], line.get("repeats", 0)) for line in lines()]
    assert said == [
        ("Unable connect to node with id 0", 0),
        ("something else", 0),
        ("Unable connect to node with id 60", 59),
    ]


def test_our_own_lines_are_all_written(lines: Lines) -> None:
    for _ in range(3):
        get_logger("rak.part").error("kafka.broker_unreachable")
    assert len(lines()) == 3


def test_everything_is_written_at_the_level_debug() -> None:
    stream = io.StringIO()
    configure_logging("rak-x", LoggingSettings(level="debug"), stream)
    for _ in range(3):
        logging.getLogger("aiokafka.conn").error("again")
    assert len(stream.getvalue().splitlines()) == 3
