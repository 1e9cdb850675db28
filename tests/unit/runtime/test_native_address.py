"""`[clickhouse] url` is the native protocol's address, and never holds credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.runtime.config import ConfigError, load_config
from rak_libs.runtime.settings import ClickHouseSettings, native_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("clickhouse://db", ("db", 9000)),
        ("clickhouse://db:9440", ("db", 9440)),
        ("clickhouse://db:1/", ("db", 1)),
        ("clickhouse://[::1]:9000", ("::1", 9000)),
        ("clickhouse://10.1.2.3", ("10.1.2.3", 9000)),
    ],
)
def test_a_native_url_is_host_and_port(url: str, address: tuple[str, int]) -> None:
    assert native_address(url) == address
    assert ClickHouseSettings(url=url).address == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://s3cret:s3cret@db:8123", "the HTTP interface is not used"),
        ("https://s3cret@db", "the HTTP interface is not used"),
        ("tcp://s3cret@db:9000", "expected clickhouse://host[:port]"),
        ("s3cret@db:9000", "expected clickhouse://host[:port]"),
        ("clickhouse://", "expected clickhouse://host[:port]"),
        ("clickhouse://user:s3cret@db", "credentials belong in [clickhouse] user and password"),
        ("clickhouse://db:0", "expected a port from 1 to 65535"),
        ("clickhouse://db:65536", "expected a port from 1 to 65535"),
        ("clickhouse://db:s3cret", "expected a port from 1 to 65535"),
        ("clickhouse://db/s3cret", "expected nothing after clickhouse://host[:port]"),
        ("clickhouse://db?password=s3cret", "expected nothing after clickhouse://host[:port]"),
        ("clickhouse://[s3cret", "expected clickhouse://host[:port]"),
        ("clickhouse://s3cret\u2100@db", "expected clickhouse://host[:port]"),
        ("clickhouse://db one", "expected clickhouse://host[:port]"),
    ],
)
def test_another_url_is_refused_without_being_repeated(url: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, {"RAK_CLICKHOUSE__URL": url})
    (problem,) = refused.value.problems
    assert problem.startswith(f"[clickhouse] url: {message}")
    assert "s3cret" not in problem
    with pytest.raises(ValueError, match=r"\[clickhouse\] url: "):
        ClickHouseSettings(url=url)


@given(url=st.text() | st.text().map("clickhouse://".__add__))
def test_any_text_is_a_native_address_or_a_value_error(url: str) -> None:
    try:
        host, port = native_address(url)
    except ValueError:
        return
    assert host
    assert 1 <= port <= 65535
