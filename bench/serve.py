"""``fauxto serve`` under load on the loopback, against ``predict``'s batch rate in the same run.

Usage: python bench/serve.py MODEL [SECONDS] [MEMORY_REQUESTS]; default 60 and 20,000.

64 clients send JPEGs of half a megapixel, one a request, as fast as they are answered. Client and
server share the machine's cores. One decoding process is killed in the middle of a second, shorter
load. For the memory row the pictures are small, so that 20,000 requests take a minute or two.
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


def main(model: str, seconds: float, memory_requests: int) -> None:
    """Measure and print; exit with 1 outside the limits."""
    failed = []
    made = pictures(64, 816, 612)
    rates = [predict_rate(model, made, 256) for _ in range(2)]
    requests = [as_request(picture) for picture in made]
    with server(model) as (process, port):
        asyncio.run(load(port, requests, 2))
        start = time.perf_counter()
        tally = asyncio.run(load(port, requests, seconds))
        rate = describe(f"{CLIENTS} clients", tally, time.perf_counter() - start)
        rates.append(predict_rate(model, made, 256))
        batch = statistics.median(rates)
        print(f"predict: {batch:.1f} pictures/s; serve reaches {rate / batch:.2f} of it")
        if rate < LIMITS["throughput"] * batch:
            failed.append("throughput")
        if any(not s.startswith(("200", "429", "503")) for s in tally.statuses):
            failed.append("errors under load")

        async def killed() -> Tally:
            running = asyncio.create_task(load(port, requests, 10))
            await asyncio.sleep(4)
            os.kill(children(process.pid)[0], signal.SIGKILL)
            return await running

        tally = asyncio.run(killed())
        describe("one decoder killed", tally, 10)
        lost = sum(tally.statuses.values()) - tally.statuses["200"]
        print(f"lost by the kill: {lost}")
        if lost > 1:
            failed.append("requests lost by a kill")
    small = [as_request(picture) for picture in pictures(64, 64, 48)]
    with server(model) as (process, port):
        levels = []
        done = 0
        while done < memory_requests:
            most = min(2000, memory_requests - done)
            done += sum(asyncio.run(load(port, small, 600, most)).statuses.values())
            levels.append(resident_mb([process.pid, *children(process.pid)]))
        print("memory in MB after each 2,000 requests:", *(f"{level:.0f}" for level in levels))
        if levels[-1] > LIMITS["memory growth"] * levels[0]:
            failed.append("memory")
    if failed:
        sys.exit(f"outside the limit: {', '.join(failed)}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        arguments[0],
        float(arguments[1]) if len(arguments) > 1 else 60,
        int(arguments[2]) if len(arguments) > 2 else 20_000,
    )
