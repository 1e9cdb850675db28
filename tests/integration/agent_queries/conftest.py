"""Questions about agents have an engine of their own: what others store is not in its ledger."""

from integration.query.conftest import api, config

__all__ = ["api", "config"]
