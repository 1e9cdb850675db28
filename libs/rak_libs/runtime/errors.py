"""What goes wrong in the parts that every service shares."""


class RakRuntimeError(Exception):
    """Root of the errors of `rak_libs.runtime`."""


class PermanentRuntimeError(RakRuntimeError):
    """Trying again without a change by the operator fails again."""


class TransientRuntimeError(RakRuntimeError):
    """Trying again later may succeed."""


class ConfigError(PermanentRuntimeError):
    """The configuration was refused; `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"the configuration has {_counted(len(problems))}:{lines}")


class CannotListen(PermanentRuntimeError):
    """An address cannot be listened on; the text names the configuration key that changes it."""


class PortInUse(CannotListen):
    """Another process listens on the port."""

    def __init__(self, port: int, config_key: str) -> None:
        super().__init__(f"port {port} is in use; change {config_key}")


def _counted(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"
