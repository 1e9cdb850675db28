"""From a TOML file and the environment to one frozen `Config`, or every problem at once.

Precedence: environment (`RAK_<SECTION>__<KEY>`) over file over default.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from rak_libs.runtime import settings
from rak_libs.runtime.errors import ConfigError
from rak_libs.runtime.settings import Config, SettingError

__all__ = [
    "ConfigError",
    "add_config_option",
    "config_from_command_line",
    "environment_name",
    "load_config",
]

ENVIRONMENT_PREFIX = "RAK_"
CONFIG_VARIABLE = "RAK_CONFIG"
USAGE_STATUS = 2


class _Key(NamedTuple):
    section: str
    name: str
    type: Any
    expected: str
    secret: bool


class _Given(NamedTuple):
    value: object
    origin: str
    is_text: bool


def environment_name(section: str, key: str) -> str:
    """The variable that overrides a key: `RAK_CLICKHOUSE__URL` for `[clickhouse] url`."""
    return f"{ENVIRONMENT_PREFIX}{section.upper()}__{key.upper()}"


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The settings of file and environment; without a file, the defaults and the environment.

    Raises ConfigError that lists every problem found: each names the section and key, where the
    value came from and what was expected. Values of secrets and of URLs are never repeated.
    """
    problems: list[str] = []
    given = _from_file(path, problems) if path else {}
    given.update(_from_environment(environ, problems))
    sections: dict[str, Any] = {name: _section(name, given, problems) for name in SECTIONS}
    if problems:
        raise ConfigError(problems)
    return Config(**sections)


def config_from_command_line(
    program: str,
    argv: Sequence[str] | None = None,
    extend: Callable[[argparse.ArgumentParser], None] | None = None,
) -> tuple[Config, argparse.Namespace]:
    """Parse `--config PATH` (else RAK_CONFIG, else defaults) and what `extend` adds.

    A configuration that is refused is printed to stderr and ends the process with status 2, as
    wrong arguments do.
    """
    parser = argparse.ArgumentParser(prog=program)
    add_config_option(parser, os.environ.get(CONFIG_VARIABLE) or None)
    if extend:
        extend(parser)
    arguments = parser.parse_args(argv)
    try:
        return load_config(arguments.config, os.environ), arguments
    except ConfigError as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(USAGE_STATUS)


def add_config_option(parser: argparse.ArgumentParser, default: object) -> None:
    """Add `--config PATH`; subcommands take `argparse.SUPPRESS`, which keeps what came before."""
    parser.add_argument(
        "--config",
        metavar="PATH",
        type=Path,
        default=default,
        help=f"the TOML configuration file (default: ${CONFIG_VARIABLE}, else built-in defaults)",
    )


def _keys() -> dict[tuple[str, str], _Key]:
    found = {}
    for section in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(section.type):
            described, secret = _without_metadata(inspect.type_info(field.type))
            found[section.name, field.name] = _Key(
                section.name, field.name, field.type, _expected(described), secret
            )
    return found


def _without_metadata(described: inspect.Type) -> tuple[inspect.Type, bool]:
    if isinstance(described, inspect.Metadata):
        return described.type, bool((described.extra or {}).get("secret"))
    return described, False


def _expected(described: inspect.Type) -> str:
    match described:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            unbounded = high == settings.INT64_MAX
            return (
                f"a whole number {f'of at least {low}' if unbounded else f'from {low} to {high}'}"
            )
        case inspect.FloatType(gt=low, le=high):
            return f"a number above {low} and up to {high}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.StrType(min_length=int()):
            return "a text that is not empty"
        case _:
            return "a text"


KEYS = _keys()
SECTIONS = Config.__struct_fields__


def _from_file(path: Path, problems: list[str]) -> dict[tuple[str, str], _Given]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path} cannot be read: {error.strerror}")
        return {}
    except UnicodeDecodeError:
        problems.append(f"{path} is no UTF-8 text, as TOML must be")
        return {}
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path} is no TOML: {error}")
        return {}
    given = {}
    for section, values in document.items():
        if section not in SECTIONS:
            problems.append(f"{path}: [{section}] is no section{_nearest(section, SECTIONS)}")
        elif not isinstance(values, dict):
            problems.append(f"{path}: expected {section} to be a section, written [{section}]")
        else:
            given.update(_from_section(path, section, values, problems))
    return given


def _from_section(
    path: Path, section: str, values: Mapping[str, object], problems: list[str]
) -> dict[tuple[str, str], _Given]:
    given = {}
    for name, value in values.items():
        if (section, name) in KEYS:
            given[section, name] = _Given(value, str(path), is_text=False)
        else:
            known = [key.name for key in KEYS.values() if key.section == section]
            problems.append(f"{path}: [{section}] has no key {name}{_nearest(name, known)}")
    return given


def _from_environment(
    environ: Mapping[str, str], problems: list[str]
) -> dict[tuple[str, str], _Given]:
    known = {environment_name(*key): key for key in KEYS}
    given = {}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX) or "__" not in variable:
            continue
        if variable in known:
            given[known[variable]] = _Given(environ[variable], variable, is_text=True)
        else:
            problems.append(f"{variable} overrides no key{_nearest(variable, list(known))}")
    return given


def _section(
    section: str, given: Mapping[tuple[str, str], _Given], problems: list[str]
) -> msgspec.Struct:
    structure: type[msgspec.Struct] = type(getattr(Config(), section))
    values = {}
    for key in KEYS.values():
        value = given.get((section, key.name))
        if key.section != section or value is None:
            continue
        try:
            values[key.name] = _converted(key, value)
        except msgspec.ValidationError:
            problems.append(_problem(key, value))
    try:
        return structure(**values)
    except SettingError as error:
        origin = given.get((error.section, error.key))
        problems.append(f"{error} (from {origin.origin if origin else 'its default'})")
        return structure()


def _converted(key: _Key, given: _Given) -> object:
    return msgspec.convert(given.value, key.type, strict=not given.is_text)


def _problem(key: _Key, given: _Given) -> str:
    got = "" if key.secret else f", got {given.value!r}"
    return f"[{key.section}] {key.name}: expected {key.expected}{got} (from {given.origin})"


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
