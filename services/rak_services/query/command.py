"""What `rak-query` does: it answers questions over REST."""

import sys

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import run_service
from rak_services.query.app import serve


def main() -> None:
    """Run the query service until a signal ends it."""
    config, _ = config_from_command_line("rak-query")
    sys.exit(run_service("query", config, lambda stop: serve(config, stop)))
