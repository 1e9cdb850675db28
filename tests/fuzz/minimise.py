"""`python -m fuzz.minimise TARGET NEW_CORPUS INPUTS…`: the fewest inputs that reach what all reach.

The last arguments are folders; inputs of the first one stay. libFuzzer runs inputs in processes of
their own, which the shell starts with the first argument and options behind it.
"""

import shlex
import sys

import atheris

with atheris.instrument_imports(
    include=["rak_libs.otlp", "rak_libs.pprof", "rak_libs.receiving", "rak_services.otlp_receiver"]
):
    from fuzz.targets import TARGETS


def main() -> None:
    """Minimise, or run inputs for a process that minimises; does not return."""
    target, *arguments = sys.argv[1:]
    if not any(each.startswith("-") for each in arguments):
        arguments.insert(0, "-set_cover_merge=1")
    again = shlex.join([sys.executable, "-m", "fuzz.minimise", target])
    atheris.Setup([again, *arguments], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
