import urllib.request


def metric(port: int, name: str) -> float:
    """Sum a metric's samples over all its labels; 0 without any.

    Args:
        port: The loopback port of a service's `/metrics`.
        name: The sample's whole name, with `_total`, `_sum` or `_count`.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    samples = [line for line in lines if line.partition("{")[0].partition(" ")[0] == name]
    return sum(float(sample.rpartition(" ")[2]) for sample in samples)
