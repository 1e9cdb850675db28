import urllib.request


def metric(port: int, name: str, host: str = "127.0.0.1") -> float:
    """Sum a metric's samples over all its labels; 0 without any.

    Args:
        port: The port of a service's `/metrics`.
        name: The sample's whole name, with `_total`, `_sum` or `_count`.
        host: The loopback address it listens on.
    """
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    samples = [line for line in lines if line.partition("{")[0].partition(" ")[0] == name]
    return sum(float(sample.rpartition(" ")[2]) for sample in samples)
