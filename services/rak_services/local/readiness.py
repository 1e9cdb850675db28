import asyncio
import urllib.error
import urllib.request


class NotReady(Exception):
    """A service did not become ready in time; the message says which and why."""


def _readyz(url: str) -> str | None:
    """Ask `/readyz` once: None when ready, else what it said."""
    try:
        with urllib.request.urlopen(url, timeout=3) as response:  # noqa: S310  loopback, our own
            response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(errors="replace")
    except OSError as error:
        return str(error)
    return None


async def wait_ready(name: str, url: str, seconds: float) -> None:
    """Ask a service's `/readyz` until it answers 200.

    Raises:
        NotReady: after `seconds`, with the service's last answer.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while (answer := await asyncio.to_thread(_readyz, url)) is not None:
        if asyncio.get_running_loop().time() > deadline:
            raise NotReady(f"{name} is not ready after {seconds:.0f} s: {answer}")
        await asyncio.sleep(0.1)
