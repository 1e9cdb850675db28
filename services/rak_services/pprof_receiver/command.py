"""What `rak-pprof-receiver` does: it takes profiles in pprof form and publishes them."""

import sys

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import run_service
from rak_services.pprof_receiver.app import SERVICE, serve


def main() -> None:
    """Run the receiver until a signal stops it."""
    config, _ = config_from_command_line("rak-pprof-receiver")
    sys.exit(run_service(SERVICE, config, lambda stop: serve(config, stop)))
