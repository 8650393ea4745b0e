"""``fauxto serve`` under load on the loopback, against ``predict``'s batch rate in the same run.

Usage: python bench/serve.py [MODEL [SECONDS [MEMORY_REQUESTS]]]; default the bundled detector, 60
and 20,000; 0 leaves a part out.

64 clients send JPEGs of half a megapixel, one a request, as fast as they are answered. Client and
server share the machine's cores. In a second, shorter load decoding processes are
killed. For the memory row the pictures are small.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

CLIENTS = 64
KILLS = 10
ROUNDS = 3
STEP = 2000
"""Requests between two looks at the memory."""
LIMITS = {"throughput": 0.7, "memory growth": 1.1}
"""Least share of predict's rate; most memory after all requests, as a multiple of after 2,000."""


def pictures(count: int, width: int, height: int) -> list[bytes]:
    """Return JPEGs with the detail of photographs: smooth colours under noise."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        noisy = (smooth + rng.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=85)
        made.append(buffer.getvalue())
    return made


def predict_rate(model: str, made: list[bytes], count: int) -> float:
    """Return pictures a second through ``Detector.predict_many``, the path of ``predict``."""
    from fauxto.predict.detector import Detector
    from fauxto.predict.inputs import ImageInput

    detector = Detector.load(model)
    inputs = [ImageInput(str(i), made[i % len(made)]) for i in range(count)]
    list(detector.predict_many(inputs[:32]))
    start = time.perf_counter()
    list(detector.predict_many(inputs))
    return count / (time.perf_counter() - start)


@dataclass
class Tally:
    """What the clients saw."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def as_request(picture: bytes) -> bytes:
    """Return one whole HTTP request."""
    head = (
        "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {len(picture)}\r\n\r\n"
    )
    return head.encode() + picture


async def client(port: int, requests: list[bytes], tally: Tally, until: float, most: int) -> None:
    """Send requests one after the other over one connection until a time or a number."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while time.monotonic() < until and sum(tally.statuses.values()) < most:
        start = time.perf_counter()
        writer.write(requests[number % len(requests)])
        number += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE).group(1))
        body = await reader.readexactly(length)
        status = head[9:12].decode()
        tally.statuses[status if status == "200" else f"{status} {json.loads(body)['code']}"] += 1
        tally.seconds.append(time.perf_counter() - start)
    writer.close()


async def load(port: int, requests: list[bytes], seconds: float, most: int = 1 << 60) -> Tally:
    """Run all clients."""
    tally = Tally()
    until = time.monotonic() + seconds
    shifted = [
        requests[i % len(requests) :] + requests[: i % len(requests)] for i in range(CLIENTS)
    ]
    await asyncio.gather(*(client(port, mine, tally, until, most) for mine in shifted))
    return tally


def resident_mb(pids: list[int]) -> float:
    """Return the memory of processes."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
    return total / 1024


def children(pid: int) -> list[int]:
    """Return the decoding processes of a server: its children that use a pipe, not the tracker."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text().split()
    spawned = {int(child) for child in found}
    return sorted(
        child for child in spawned if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


@contextlib.contextmanager
def server(model: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run ``fauxto serve`` and give its process and port."""
    command = [sys.executable, "-m", "fauxto", "serve", "--model", model, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if found := re.search(r"http://[^:]+:(\d+)/", line):
                yield process, int(found.group(1))
                break
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def describe(name: str, tally: Tally, elapsed: float) -> float:
    """Print a row and return its rate."""
    milliseconds = sorted(1000 * s for s in tally.seconds)
    rate = tally.statuses["200"] / elapsed
    p99 = milliseconds[int(0.99 * (len(milliseconds) - 1))]
    print(
        f"{name}: {rate:.1f} pictures/s, median {statistics.median(milliseconds):.0f} ms, "
        f"p99 {p99:.0f} ms, answers {dict(tally.statuses)}"
    )
    return rate


def measure_load(model: str, seconds: float) -> list[str]:
    """Print rates and what kills lose; return what is outside the limits."""
    failed = []
    made = pictures(64, 816, 612)
    requests = [as_request(picture) for picture in made]
    batch, ratios = [], []
    with server(model) as (process, port):
        asyncio.run(load(port, requests, 2))
        for number in range(1, ROUNDS + 1):
            batch.append(predict_rate(model, made, 256))
            start = time.perf_counter()
            tally = asyncio.run(load(port, requests, seconds / ROUNDS))
            rate = describe(f"{CLIENTS} clients", tally, time.perf_counter() - start)
            ratios.append(rate / batch[-1])
            print(f"  round {number}: predict {batch[-1]:.1f} pictures/s, ratio {ratios[-1]:.2f}")
            if any(not status.startswith(("200", "429", "503")) for status in tally.statuses):
                failed.append("errors under load")
        ratio = statistics.median(ratios)
        print(f"serve reaches {ratio:.2f} of predict's rate (median of {ROUNDS})")
        tally = asyncio.run(load_with_kills(port, requests, process.pid))
        lost = tally.statuses.total() - tally.statuses["200"]
        print(f"{KILLS} decoders killed under load: {dict(tally.statuses)}")
        if lost > KILLS or not tally.statuses["200"]:
            failed.append("requests lost by kills")
    if ratio < LIMITS["throughput"]:
        failed.append("throughput")
    return failed


async def load_with_kills(port: int, requests: list[bytes], pid: int) -> Tally:
    """Run all clients while a decoding process is killed again and again."""
    running = asyncio.create_task(load(port, requests, KILLS * 1.5 + 2))
    rng = np.random.default_rng(1)
    for _ in range(KILLS):
        await asyncio.sleep(1.5)
        os.kill(int(rng.choice(children(pid))), signal.SIGKILL)
    return await running


def measure_memory(model: str, count: int) -> list[str]:
    """Print memory as requests go by; return what is outside the limits."""
    small = [as_request(picture) for picture in pictures(64, 64, 48)]
    with server(model) as (process, port):
        levels = []
        while len(levels) * STEP < count:
            asyncio.run(load(port, small, 600, STEP))
            levels.append(resident_mb([process.pid, *children(process.pid)]))
    print(f"memory in MB after each {STEP:,} requests:", *(f"{level:.0f}" for level in levels))
    return ["memory"] if levels[-1] > LIMITS["memory growth"] * levels[0] else []


def main(model: str, seconds: float, memory_requests: int) -> None:
    """Measure and print; exit with 1 outside the limits."""
    failed = measure_load(model, seconds) if seconds else []
    failed += measure_memory(model, memory_requests) if memory_requests else []
    if failed:
        sys.exit(f"outside the limit: {', '.join(failed)}")


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    if 0 in given:
        chosen = given[0]
    else:
        from fauxto.models.scorer import bundled_detector

        chosen = str(bundled_detector())
    main(chosen, float(given.get(1, 60)), int(given.get(2, 20_000)))
