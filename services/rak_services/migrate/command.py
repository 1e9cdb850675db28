"""What `rak-migrate` does: it brings tables and topics to what this release expects."""

import signal
import sys

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.logs import configure_logging
from rak_libs.runtime.process import tune_garbage_collector
from rak_services.migrate.app import add_arguments, run


def main() -> None:
    """Run `rak-migrate`; SIGTERM ends it as Ctrl-C does, with the lock given back."""
    config, arguments = config_from_command_line("rak-migrate", extend=add_arguments)
    configure_logging("migrate", config.logging)
    tune_garbage_collector()
    # SIGINT too: shells start background jobs with it ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    sys.exit(run(config, arguments))
