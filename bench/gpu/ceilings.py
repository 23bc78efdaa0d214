"""What a GPU does at best at this moment: a large product of matrices in half precision, and a copy.

    python3 bench/gpu/ceilings.py cuda:0

Prints JSON: medians and best of 20 runs, 1e12 operations a second for a square product and for the shapes of Whisper's feed-forward block, and
1e12 bytes a second of a copy, read and written bytes counted. `npm run bench -- network` takes them as --tera-operations and --tera-bytes.
"""

import json
import sys

import torch


def timed(run, count=20):
    """Median and shortest time of a run, milliseconds, by the device's own clock."""
    for _ in range(3):
        run()
    start, end = torch.cuda.Event(True), torch.cuda.Event(True)
    times = []
    for _ in range(count):
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return sorted(times)[count // 2], min(times)


def product(rows, inner, columns):
    a = torch.randn(rows, inner, dtype=torch.float16, device="cuda")
    b = torch.randn(columns, inner, dtype=torch.float16, device="cuda")
    return [round(2 * rows * inner * columns / ms / 1e9) for ms in timed(lambda: a @ b.t())]


def copy(size=2**30):
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return [round(2 * size / ms / 1e9, 2) for ms in timed(lambda: target.copy_(source))]


torch.cuda.set_device(sys.argv[1] if len(sys.argv) > 1 else "cuda:0")
print(
    json.dumps(
        {
            "device": torch.cuda.get_device_name(),
            "square8192": product(8192, 8192, 8192),
            **{f"feedForward{rows}": product(rows, 1280, 5120) for rows in (1_500, 12_000, 48_000)},
            "copyTeraBytes": copy(),
        }
    )
)
