"""One file, one environment, one frozen Config; everything wrong is told at once."""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from msgspec.structs import fields

from rak_libs.runtime.config import (
    ConfigError,
    config_from_command_line,
    environment_name,
    load_config,
)
from rak_libs.runtime.settings import Config

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.toml"
DOCUMENTATION = ROOT / "docs" / "configuration.md"
DEFAULTS = Config()
KEYS = [(section.name, field.name) for section in fields(Config) for field in fields(section.type)]
PER_KEY_VALUES = {("clickhouse", "url"): "clickhouse://elsewhere:9440"}


def bare_type(section: str, key: str) -> Any:
    structure = type(getattr(DEFAULTS, section))
    described = next(field.type for field in fields(structure) if field.name == key)
    return get_args(described)[0] if hasattr(described, "__metadata__") else described


def changed_value(section: str, key: str) -> Any:
    """Another valid value of the key, unlike that of any other key."""
    value = getattr(getattr(DEFAULTS, section), key)
    kind = bare_type(section, key)
    place = KEYS.index((section, key)) + 1
    if (section, key) in PER_KEY_VALUES:
        return PER_KEY_VALUES[section, key]
    if get_origin(kind) is Literal:
        return next(choice for choice in get_args(kind) if choice != value)
    if kind is bool:
        return not value
    if kind is str:
        return f"changed {section} {key}"
    if key in {"min_insync_replicas", "replication_factor"}:
        return 7 if key == "replication_factor" else 5
    return value + place


CHANGED = {key: changed_value(*key) for key in KEYS}


def toml_literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def assert_all_changed(config: Config) -> None:
    for section, key in KEYS:
        seen = getattr(getattr(config, section), key)
        assert seen == CHANGED[section, key], f"[{section}] {key}"
        assert seen != getattr(getattr(DEFAULTS, section), key), f"[{section}] {key}"


def problems_of(path: Path | None, environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        load_config(path, environ)
    for problem in refused.value.problems:
        assert problem in str(refused.value)
    return refused.value.problems


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_file_and_environment_every_key_has_its_default() -> None:
    assert load_config(None, {}) == DEFAULTS


def test_the_example_file_equals_the_defaults() -> None:
    assert load_config(EXAMPLE, {}) == DEFAULTS


def test_the_example_file_holds_every_key_and_no_other() -> None:
    document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert [(section, key) for section in document for key in document[section]] == KEYS


def test_the_original_designs_sections_and_keys_are_all_there() -> None:
    original = {
        "server": "otlp_grpc_port otlp_http_port pprof_port query_api_port batch_size"
        " batch_timeout_seconds",
        "clickhouse": "url user password database max_connections connection_timeout_seconds",
        "storage": "spans_retention_days metrics_retention_days profiles_retention_days",
        "query": "max_query_time_seconds max_result_rows",
    }
    wanted = {(section, key) for section, keys in original.items() for key in keys.split()}
    assert wanted <= set(KEYS)


def test_changing_every_key_of_the_example_file_changes_every_value(tmp_path: Path) -> None:
    """Driven from the structs: a new key is changed here without anyone remembering to."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    section = ""
    edited = []
    for line in lines:
        section = line[1:-1] if line.startswith("[") else section
        match = re.fullmatch(r"(\w+) = .*", line)
        edited.append(f"{match[1]} = {toml_literal(CHANGED[section, match[1]])}" if match else line)
    assert_all_changed(load_config(written(tmp_path, "\n".join(edited)), {}))


def test_the_environment_overrides_every_key_of_the_file() -> None:
    environ = {environment_name(*key): toml_literal(CHANGED[key]).strip('"') for key in KEYS}
    assert_all_changed(load_config(EXAMPLE, environ))


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_the_example_file_annotates_every_key(section: str, key: str) -> None:
    """Above each key stand its meaning, unit, default (the value itself) and readers."""
    text = EXAMPLE.read_text(encoding="utf-8").split(f"[{section}]\n")[1]
    match = re.search(rf"((?:# .*\n)+){key} = (.*)\n", text)
    assert match, "no comment above the key"
    comment = " ".join(line.removeprefix("# ") for line in match[1].splitlines())
    parts = re.fullmatch(r"(.+\.) Unit: (.+)\. Default: (.+)\. Read by: (.+)\.", comment)
    assert parts, comment
    meaning, _, default, readers = parts.groups()
    assert len(meaning) > 10
    assert default == match[2]
    scripts = "rak-(otlp-receiver|pprof-receiver|writer|derive|query|migrate|local)"
    known = (
        rf"every service( but {scripts}( and {scripts})?| that publishes)?|{scripts}(, {scripts})*"
    )
    assert re.fullmatch(known, readers), readers


def test_environment_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    path = written(tmp_path, "[server]\nbatch_size = 7\nbatch_bytes = 8\n")
    server = load_config(path, {"RAK_SERVER__BATCH_SIZE": "9"}).server
    assert (server.batch_size, server.batch_bytes) == (9, 8)
    assert server.otlp_grpc_port == DEFAULTS.server.otlp_grpc_port


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("RAK_SERVER__OTLP_GRPC_PORT", "5317", 5317),
        ("RAK_SERVER__BATCH_TIMEOUT_SECONDS", "2", 2.0),
        ("RAK_SERVER__BATCH_TIMEOUT_SECONDS", "0.25", 0.25),
        ("RAK_KAFKA__ENABLE_IDEMPOTENCE", "false", False),
        ("RAK_KAFKA__ENABLE_IDEMPOTENCE", "0", False),
        ("RAK_KAFKA__ENABLE_IDEMPOTENCE", "True", True),
        ("RAK_CLICKHOUSE__PASSWORD", "", ""),
        ("RAK_CLICKHOUSE__PASSWORD", "123", "123"),
        ("RAK_CLICKHOUSE__DATABASE", "true", "true"),
        ("RAK_LOGGING__FORMAT", "console", "console"),
    ],
)
def test_text_of_the_environment_becomes_the_keys_type(
    variable: str, text: str, value: object
) -> None:
    config = load_config(None, {variable: text})
    section, key = variable.removeprefix("RAK_").lower().split("__")
    seen = getattr(getattr(config, section), key)
    assert seen == value
    assert type(seen) is type(value)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("RAK_SERVER__OTLP_GRPC_PORT", "0", "a whole number from 1 to 65535"),
        ("RAK_SERVER__OTLP_GRPC_PORT", "65536", "a whole number from 1 to 65535"),
        ("RAK_SERVER__BATCH_SIZE", "1.5", "a whole number of at least 1"),
        ("RAK_SERVER__BATCH_SIZE", "", "a whole number of at least 1"),
        ("RAK_SERVER__BATCH_SIZE", str(2**63), "a whole number of at least 1"),
        ("RAK_SERVER__BATCH_TIMEOUT_SECONDS", "nan", "a number above 0 and up to 86400"),
        ("RAK_SERVER__BATCH_TIMEOUT_SECONDS", "inf", "a number above 0 and up to 86400"),
        ("RAK_SERVER__BATCH_TIMEOUT_SECONDS", "0", "a number above 0 and up to 86400"),
        ("RAK_KAFKA__ENABLE_IDEMPOTENCE", "maybe", "true or false"),
        ("RAK_LOGGING__LEVEL", "loud", "one of debug, error, info, warning"),
        ("RAK_SERVER__HOST", "", "a text that is not empty"),
    ],
)
def test_a_wrong_value_is_answered_with_key_expectation_and_origin(
    variable: str, text: str, expected: str
) -> None:
    section, key = variable.removeprefix("RAK_").lower().split("__")
    (problem,) = problems_of(None, {variable: text})
    assert problem == f"[{section}] {key}: expected {expected}, got {text!r} (from {variable})"


@pytest.mark.parametrize("literal", ['"5"', "true", "5.0", "[5]", "1979-05-27"])
def test_the_files_types_are_not_guessed(tmp_path: Path, literal: str) -> None:
    path = written(tmp_path, f"[server]\nbatch_size = {literal}\n")
    (problem,) = problems_of(path, {})
    assert problem.startswith("[server] batch_size: expected a whole number of at least 1, got ")
    assert problem.endswith(f"(from {path})")


def test_all_problems_of_file_and_environment_are_told_together(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[server]\nbatch_sise = 1\nbatch_bytes = "many"\n[clickhosue]\nurl = ""\n'
        "[kafka]\nmin_insync_replicas = 2\n",
    )
    environ = {
        "RAK_CLICKHOUSE__URL": "http://127.0.0.1:8123",
        "RAK_CLICKHOUSE__MAX_CONNECTIONS": "none",
        "RAK_STORAGE__SPAN_RETENTION_DAYS": "3",
    }
    expected = f"""\
{path}: [server] has no key batch_sise; did you mean batch_size?
{path}: [clickhosue] is no section; did you mean clickhouse?
RAK_STORAGE__SPAN_RETENTION_DAYS overrides no key; did you mean RAK_STORAGE__SPANS_RETENTION_DAYS?
[server] batch_bytes: expected a whole number of at least 1, got 'many' (from {path})
[kafka] min_insync_replicas: expected at most replication_factor (1), got 2 (from {path})
[clickhouse] max_connections: expected a whole number of at least 1, got 'none' \
(from RAK_CLICKHOUSE__MAX_CONNECTIONS)
[clickhouse] url: the HTTP interface is not used; expected the native protocol's address, \
clickhouse://host:9000 (from RAK_CLICKHOUSE__URL)"""
    assert problems_of(path, environ) == tuple(expected.splitlines())


def test_an_unknown_name_without_a_near_one_gets_the_known_names(tmp_path: Path) -> None:
    (problem,) = problems_of(written(tmp_path, "[storage]\nzzz = 1\n"), {})
    assert problem.endswith(
        "has no key zzz; known: spans_retention_days, metrics_retention_days,"
        " metric_rollups_retention_days, summaries_retention_days, logs_retention_days,"
        " profiles_retention_days, pipeline_retention_days"
    )


def test_other_variables_with_our_prefix_are_left_alone() -> None:
    environ = {"RAK_CONFIG": "x.toml", "RAK_WRITER_PORT": "tcp://10.0.0.1:80", "RAKE__X": "1"}
    assert load_config(None, environ) == DEFAULTS


@pytest.mark.parametrize("variable", ["RAK_server__host", "RAK__HOST", "RAK_SERVER__", "RAK_X__Y"])
def test_a_variable_that_looks_like_an_override_and_is_none_is_refused(variable: str) -> None:
    (problem,) = problems_of(None, {variable: "1"})
    assert problem.startswith(f"{variable} overrides no key; ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[server", "is no TOML: "),
        (b"batch_size = 1", "[batch_size] is no section; "),
        (b"server = 1", "expected server to be a section, written [server]"),
        (b"[[server]]\nbatch_size = 1", "expected server to be a section, written [server]"),
        (b"\xff\xfe", "is no UTF-8 text, as TOML must be"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    (problem,) = problems_of(path, {})
    assert message in problem
    assert str(path) in problem


def test_a_file_that_cannot_be_read_is_named_and_the_environment_checked_too(
    tmp_path: Path,
) -> None:
    missing = tmp_path / "missing.toml"
    problems = problems_of(missing, {"RAK_SERVER__BATCH_SIZE": "x"})
    assert problems[0] == f"{missing} cannot be read: No such file or directory"
    assert problems[1].startswith("[server] batch_size: ")
    assert problems_of(tmp_path, {}) == (f"{tmp_path} cannot be read: Is a directory",)


def test_the_password_is_shown_nowhere(tmp_path: Path) -> None:
    config = load_config(None, {"RAK_CLICKHOUSE__PASSWORD": "s3cret"})
    assert config.clickhouse.password == "s3cret"
    for shown in (repr(config), str(config.clickhouse), f"{config}", repr(config.clickhouse)):
        assert "s3cret" not in shown
        assert "password='***'" in shown
    path = written(tmp_path, '[clickhouse]\npassword = ["s3cret"]\nurl = ["s3cret"]\n')
    problems = problems_of(path, {})
    assert problems[0] == (f"[clickhouse] url: expected a text that is not empty (from {path})")
    assert problems[1] == f"[clickhouse] password: expected a text (from {path})"


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        DEFAULTS.server.batch_size = 1  # type: ignore[misc]
    changed = msgspec.structs.replace(DEFAULTS.server, batch_size=1)
    assert changed.batch_size == 1


def test_the_command_lines_file_wins_over_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = written(tmp_path, "[server]\nbatch_size = 11\n")
    other = tmp_path / "other.toml"
    other.write_text("[server]\nbatch_size = 12\n")
    monkeypatch.setenv("RAK_CONFIG", str(other))
    config, arguments = config_from_command_line(
        "rak-x",
        ["--config", str(named), "--only", "topics"],
        lambda parser: parser.add_argument("--only") and None,
    )
    assert (config.server.batch_size, arguments.only) == (11, "topics")
    assert config_from_command_line("rak-x", [])[0].server.batch_size == 12
    monkeypatch.setenv("RAK_CONFIG", "")
    assert config_from_command_line("rak-x", [])[0] == DEFAULTS


def test_a_refused_configuration_is_printed_and_ends_with_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is what docs/configuration.md shows."""
    block = re.search(
        r"```console\n\$ (.*) rak-query\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL
    )
    assert block
    for assignment in block[1].split():
        monkeypatch.setenv(*assignment.split("=", 1))
    with pytest.raises(SystemExit) as exited:
        config_from_command_line("rak-query", [])
    assert exited.value.code == 2
    assert capsys.readouterr().err == block[2]


def test_the_documentation_names_every_section() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for section in Config.__struct_fields__:
        assert f"| `[{section}]` |" in text
