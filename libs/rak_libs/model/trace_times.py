from rak_libs.model.table import BATCH_COLUMN


def trace_times_of_batch(batch_number: int, oldest_ns: int, newest_ns: int) -> str:
    """Return the INSERT that fills `trace_times` from the spans of one batch.

    It does what the view `trace_times_feed` does with every INSERT into `spans`, for a batch whose
    view may have failed. Rows that are there already change neither minimum nor maximum.

    Args:
        batch_number: `_batch` of the spans.
        oldest_ns: The earliest `timestamp` among them, unix nanoseconds.
        newest_ns: The latest.
    """
    return f"""
        INSERT INTO trace_times (trace_id, day, start, end, inserted_at)
        SETTINGS async_insert = 0, insert_deduplicate = 0
        SELECT
            trace_id, toDate(timestamp) AS day,
            min(timestamp), max(end_timestamp), now64(3, 'UTC')
        FROM spans
        WHERE {BATCH_COLUMN.name} = {batch_number}
            AND timestamp >= fromUnixTimestamp64Nano({oldest_ns})
            AND timestamp <= fromUnixTimestamp64Nano({newest_ns})
        GROUP BY trace_id, day
    """  # noqa: S608 - numbers and names from the code
