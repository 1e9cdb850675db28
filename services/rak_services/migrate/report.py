"""What `plan` and `status` print."""

from collections.abc import Iterable, Sequence

from rak_libs.kafka.admin import TopicSteps
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.ledger import Applied, edited_files
from rak_services.migrate.plan import Retention, Step, files_of_form


def plan_text(steps: Sequence[Step], topics: Sequence[str]) -> str:
    """Return each step with its statement, then what topics need, in the order of `up`."""
    parts = [f"-- {step.title}\n{step.sql};" for step in steps]
    parts += [f"-- {title}" for title in topics]
    return "\n\n".join(parts) if parts else "Nothing to do."


def tables_text(
    target: Target,
    files: tuple[SchemaFile, ...],
    applied: dict[int, Applied],
    retentions: Sequence[Retention],
) -> str:
    """Return the state of every schema file and of every table's retention, as two tables."""
    edited = {file.version for file in edited_files(files, applied)}
    rows = [
        (file.name, *_state(file, applied.get(file.version), file.version in edited))
        for file in files_of_form(files, target)
    ]
    known = {file.version for file in files}
    rows += [
        (record.name, "unknown: of another release", _when(record), record.release)
        for record in applied.values()
        if record.version not in known
    ]
    heading = f"Database {target.database}, {target.form} form"
    kept = [
        (r.table, _days(r.live_days), "" if r.fits else f"up makes it {_days(r.wanted_days)}")
        for r in retentions
    ]
    return "\n\n".join(
        [
            heading,
            _columns(("FILE", "STATE", "APPLIED (UTC)", "RELEASE"), rows),
            _columns(("TABLE", "KEPT FOR", ""), kept),
        ]
    )


def topics_text(topics: Iterable[str], pending: TopicSteps) -> str:
    """Return every topic and its state, as a table."""
    states = dict.fromkeys(pending.create, "missing")
    states |= dict.fromkeys(pending.date_by_broker, "dated by producers: up makes it the broker")
    return _columns(("TOPIC", "STATE"), [(name, states.get(name, "present")) for name in topics])


def _state(file: SchemaFile, record: Applied | None, edited: bool) -> tuple[str, str, str]:  # noqa: FBT001 - one caller, by name of its expression
    if record is None:
        return "pending", "", ""
    state = f"edited: {file.checksum[:12]} is not {record.checksum[:12]}" if edited else "applied"
    return state, _when(record), record.release


def _when(record: Applied) -> str:
    return record.applied_at.strftime("%Y-%m-%d %H:%M:%S")


def _days(days: int | None) -> str:
    return "ever" if days is None else f"{days} days"


def _columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
