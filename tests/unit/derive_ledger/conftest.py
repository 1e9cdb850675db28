import pytest

from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.prices import load_prices

PRICES = """
currency = "USD"

[[price]]
model = "gpt-4o"
input = "2.50"
output = "10.00"
cache_read = "1.25"

[[price]]
model = "claude-*"
input = "3"
output = "15"
cache_read = "0.30"
cache_write = "3.75"

[[price]]
model = "flat"
input = "0.5"
output = "0.5"
"""


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """A few prices, in dollars for a million tokens."""
    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(PRICES, encoding="utf-8")
    return Rules(load_prices(str(path)))
