"""`docs/costs.md` against the code that it is about."""

import re
from pathlib import Path

from rak_libs.model.token_rules import TOKEN_RULES
from rak_services.derive.ledger.prices import load_prices

CHECKOUT = Path(__file__).parents[3]
PAGE = (CHECKOUT / "docs" / "costs.md").read_text(encoding="utf-8")
NEW_YEARS_EVE = 20_818
"""2026-12-31, in days since 1970."""


def test_every_rule_about_tokens_is_in_the_page() -> None:
    patterns = {
        pattern for rule in TOKEN_RULES for pattern in (rule.scope, rule.provider, rule.model)
    } - {"*"}
    assert {pattern for pattern in patterns if f"`{pattern}`" not in PAGE} == set()


def test_the_page_s_file_of_prices_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    path = tmp_path / "prices.toml"
    path.write_text(example, encoding="utf-8")
    table = load_prices(str(path))
    today, tomorrow = (
        table.find("azure.ai.openai", "gpt-4o", day) for day in (NEW_YEARS_EVE, NEW_YEARS_EVE + 1)
    )
    assert today is not None
    assert today.input == 2_000_000
    assert tomorrow is None
    free = table.find("our-cluster", "meta-llama/Llama-3.1-70B-Instruct", NEW_YEARS_EVE)
    assert free is not None
    assert (free.input, free.output) == (0, 0)
