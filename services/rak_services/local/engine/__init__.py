"""The embedded ClickHouse of `rak-local`: the chDB engine behind ClickHouse's native TCP protocol.

It runs as a process of its own (`python -m rak_services.local.engine`), on loopback only, and
serves any client that negotiates revision 54453 or lower, such as clickhouse-driver.
"""
