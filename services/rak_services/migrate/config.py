from dataclasses import dataclass, field

from msgspec.structs import asdict

from rak_libs.clickhouse.statements import quote_identifier
from rak_libs.runtime.settings import Config, StorageSettings

_REPLICA_PARAMETERS = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_REPLICA_OF_ALL_SHARDS = "('/clickhouse/tables/all/{database}/{table}', '{shard}_{replica}')"


@dataclass(frozen=True, slots=True)
class Target:
    """The database that the schema goes to, and its form.

    Attributes:
        database: Its name.
        cluster: The cluster's name; empty means the single-node form.
        storage: How long each signal is kept.
    """

    database: str
    cluster: str
    storage: StorageSettings = field(default_factory=StorageSettings)

    @property
    def form(self) -> str:
        """`single` or `cluster`."""
        return "cluster" if self.cluster else "single"

    @property
    def on_cluster(self) -> str:
        """The clause that runs a statement on every node; empty in the single-node form."""
        return f" ON CLUSTER {quote_identifier(self.cluster)}" if self.cluster else ""

    def local_name(self, table: str) -> str:
        """Return the name of the table that holds the rows of `table` on each node."""
        return f"{table}_local" if self.cluster else table

    def qualified(self, table: str) -> str:
        """Return a table's name with its database, quoted."""
        return f"{quote_identifier(self.database)}.{quote_identifier(table)}"

    def placeholders(self) -> dict[str, str]:
        """Return the text of every placeholder that a schema file may hold.

        Names in single braces (`{shard}`) are macros that each ClickHouse node replaces from its
        own configuration.
        """
        return {
            "database": quote_identifier(self.database),
            "cluster": quote_identifier(self.cluster),
            "local": "_local" if self.cluster else "",
            "on_cluster": self.on_cluster,
            "replicated": "Replicated" if self.cluster else "",
            "replica": f"({_REPLICA_PARAMETERS})" if self.cluster else "",
            "replica_parameters": f"{_REPLICA_PARAMETERS}, " if self.cluster else "",
            "replica_of_all_shards": _REPLICA_OF_ALL_SHARDS if self.cluster else "",
            **{key: str(days) for key, days in asdict(self.storage).items()},
            # Rollups name their series too.
            "metric_series_retention_days": str(
                max(self.storage.metrics_retention_days, self.storage.metric_rollups_retention_days)
            ),
        }


def target_of(config: Config) -> Target:
    """Read the target from the `[clickhouse]` and `[storage]` sections."""
    return Target(
        database=config.clickhouse.database,
        cluster=config.clickhouse.cluster,
        storage=config.storage,
    )
