import urllib.request


def metric(port: int, name: str, host: str = "127.0.0.1", **labels: str) -> float:
    """Sum a metric's samples that have some labels, whatever else they have; 0 without any.

    Args:
        port: The port of a service's `/metrics`.
        name: The sample's whole name, with `_total`, `_sum` or `_count`.
        host: The loopback address it listens on.
        labels: What the samples' labels must be.
    """
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    samples = [line for line in lines if line.partition("{")[0].partition(" ")[0] == name]
    chosen = [sample for sample in samples if all(label in sample for label in wanted)]
    return sum(float(sample.rpartition(" ")[2]) for sample in chosen)
