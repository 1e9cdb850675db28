"""`rak-query`: answers questions over REST."""

from rak_libs.runtime.process import ensure_allocator


def main() -> None:
    """Begin again with the allocator settings, then do what the command line says."""
    ensure_allocator()
    # Only now: what is imported before the process begins again is imported twice.
    from rak_services.query import command  # noqa: PLC0415

    command.main()


if __name__ == "__main__":
    main()
