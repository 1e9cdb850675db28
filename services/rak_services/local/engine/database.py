"""The chDB engine of this process: where its data is, how much memory it may take, KILL QUERY."""

import ctypes
import os
import threading
from pathlib import Path

from rak_services.local.engine.session import EngineSession
from rak_services.local.engine.statement import quote_string

_MEBIBYTE = 1024 * 1024
_SERVER_SETTINGS = {
    # The engine's caches default to gigabytes, which a laptop does not have to spare.
    "mark_cache_size": 64 * _MEBIBYTE,
    "index_mark_cache_size": 16 * _MEBIBYTE,
    "primary_index_cache_size": 64 * _MEBIBYTE,
    "query_condition_cache_size": 16 * _MEBIBYTE,
    "vector_similarity_index_cache_size": 16 * _MEBIBYTE,
    "text_index_tokens_cache_size": 16 * _MEBIBYTE,
    "text_index_header_cache_size": 16 * _MEBIBYTE,
    "text_index_postings_cache_size": 16 * _MEBIBYTE,
    "parquet_metadata_cache_size": 16 * _MEBIBYTE,
    "iceberg_metadata_files_cache_size": 16 * _MEBIBYTE,
    "compiled_expression_cache_size": 32 * _MEBIBYTE,
    "unique_key_index_cache_size_bytes": 16 * _MEBIBYTE,
    # Merges and mutations: two at a time, as many as the smallest machine has cores.
    "background_pool_size": 2,
    "max_thread_pool_size": 1000,
    # What clickhouse-local allows and a server does not.
    "implicit_select": 0,
    "allow_introspection_functions": 0,
}
_JEMALLOC = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0"
_MALLOPT = {
    -1: 32 * _MEBIBYTE,  # M_TRIM_THRESHOLD
    -2: _MEBIBYTE,  # M_TOP_PAD
    -3: 8 * _MEBIBYTE,  # M_MMAP_THRESHOLD
    -8: 2,  # M_ARENA_MAX
}


def tune_allocators() -> None:
    """Makes both allocators of the process give memory back; call before the first session.

    chDB carries a jemalloc of its own, which by default keeps freed pages for as long as nothing
    happens. The interpreter's glibc, which holds frames of up to hundreds of mebibytes, would
    keep them if it inherited a receiver's settings (rak_libs.runtime.process), and opens up to
    eight arenas a core.
    """
    os.environ.setdefault("JE_MALLOC_CONF", _JEMALLOC)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _MALLOPT.items():
            mallopt(parameter, value)


class Database:
    """The engine; the first one opened in a process decides the data directory for all.

    Args:
        data_dir: created if missing; another process that has it open is an error.
        memory_bytes: what all queries, merges and caches may allocate together.

    Raises:
        EngineError: what the engine says, for example of a directory in use.
        ValueError: a path that chDB's connection string cannot hold.
    """

    def __init__(self, data_dir: Path, memory_bytes: int) -> None:
        self._connection_string = _connection_string(data_dir, memory_bytes)
        data_dir.mkdir(parents=True, exist_ok=True)
        tune_allocators()
        self._control = EngineSession(self._connection_string)
        self._control_lock = threading.Lock()

    def version(self) -> tuple[int, int, int]:
        """Major, minor and patch of the engine."""
        text = self._run_control("SELECT version()").decode()
        major, minor, patch = (int(part) for part in text.strip().split(".")[:3])
        return major, minor, patch

    def open_session(self) -> EngineSession:
        """A session for one connection."""
        return EngineSession(self._connection_string)

    def kill(self, label: str) -> None:
        """Cancels the running statement that was given `label`; nothing happens if none is."""
        self._run_control(f"KILL QUERY WHERE Settings['log_comment'] = {quote_string(label)} ASYNC")

    def close(self) -> None:
        """Closes the engine; all other sessions must be closed."""
        with self._control_lock:
            self._control.close()

    def _run_control(self, statement: str) -> bytes:
        with self._control_lock:
            return self._control.run(statement.encode(), "TSV")


def _connection_string(data_dir: Path, memory_bytes: int) -> str:
    path = str(data_dir.resolve())
    if any(character in path for character in "?&#%"):
        raise ValueError(f"the data directory {path!r} may not contain any of ? & # %")
    settings = {"max_server_memory_usage": memory_bytes, **_SERVER_SETTINGS}
    return path + "?" + "&".join(f"{name}={value}" for name, value in settings.items())
