from rak_libs.model.known_keys import PREFIX
from rak_libs.model.table import BATCH_COLUMN

_MAPS = ("string", "int", "float", "bool", "json")


def attribute_keys_of_batch(batch_number: int, oldest_ns: int, newest_ns: int) -> str:
    """Return the INSERT that makes known which `gen_ai.*` attributes the spans of one batch have.

    It is for a batch whose part of the view `attribute_keys_feed` may have failed, or may not:
    it adds times, which change nothing where they are there already, and counts no span.

    Args:
        batch_number: `_batch` of the spans.
        oldest_ns: The earliest `timestamp` among them, unix nanoseconds.
        newest_ns: The latest.
    """
    keys = f"arrayConcat({', '.join(f'mapKeys(attributes_{name})' for name in _MAPS)})"
    return f"""
        INSERT INTO attribute_keys
            (hour, service_name, scope_name, scope_version, key, spans, first_seen, last_seen)
        SETTINGS async_insert = 0, insert_deduplicate = 0
        SELECT
            toStartOfHour(timestamp) AS hour, service_name, scope_name, scope_version,
            arrayJoin(arrayFilter(each -> startsWith(each, '{PREFIX}'), {keys})) AS key,
            0, min(timestamp), max(timestamp)
        FROM spans
        WHERE {BATCH_COLUMN.name} = {batch_number}
            AND timestamp >= fromUnixTimestamp64Nano({oldest_ns})
            AND timestamp <= fromUnixTimestamp64Nano({newest_ns})
        GROUP BY hour, service_name, scope_name, scope_version, key
    """  # noqa: S608 - numbers and names from the code
