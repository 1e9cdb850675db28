"""What `rak-otlp-receiver` does: it takes OTLP from agents and publishes it."""

import sys

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import run_service
from rak_services.otlp_receiver.app import SERVICE, serve


def main() -> None:
    """Run the receiver until a signal stops it."""
    config, _ = config_from_command_line("rak-otlp-receiver")
    sys.exit(run_service(SERVICE, config, lambda stop: serve(config, stop)))
