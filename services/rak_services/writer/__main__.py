"""`rak-writer`: writes topics to ClickHouse; looks after what could not be written."""

from rak_libs.runtime.process import ensure_allocator


def main() -> None:
    """Begin again with the allocator settings, then do what the command line says."""
    ensure_allocator()
    # Only now: what is imported before the process begins again is imported twice.
    from rak_services.writer import command  # noqa: PLC0415

    command.main()


if __name__ == "__main__":
    main()
