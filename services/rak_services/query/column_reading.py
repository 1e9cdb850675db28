from rak_libs.model.table import Column


def read_column(column: Column) -> str:
    """Return the expression that reads a stored column.

    Times come as integers, of nanoseconds or milliseconds by their precision: the driver would cut
    nanoseconds off.
    """
    name = f"`{column.name}`" if "." in column.name else column.name
    match column.type:
        case "DateTime64(9, 'UTC')":
            return f"toUnixTimestamp64Nano({name})"
        case "DateTime64(3, 'UTC')":
            return f"toUnixTimestamp64Milli({name})"
        case "Array(DateTime64(9, 'UTC'))":
            return f"arrayMap(time -> toUnixTimestamp64Nano(time), {name})"
        case _:
            return name
