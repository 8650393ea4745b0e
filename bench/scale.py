"""Speed and memory of ``fauxto predict`` in parts: processes here beside Ray, 1 and 2 at work.

Usage: python bench/scale.py [N] [--address s3://BUCKET/PREFIX]; default 10,000 images; or
python bench/scale.py --listing, which times the listing of 300,000 paths instead. Each way
runs as the command a user would type, once on N / 10 images and once on N; the difference of the
two gives the rate without the start. Pictures are 320 × 240 JPEGs, ``DISTINCT`` of them under N
names. Memory is sampled from the kernel twice a second: the driver is the command itself, a worker
is a process with a model, the rest is Ray's own. With ``--address`` the pictures are put there
first and read from there. Ends with 1 outside the limits: overhead of Ray at 2 workers against 2
processes, growth of memory from N / 10 to N.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

DISTINCT = 200
PART_ROWS = 500
WAYS = (("local", 1), ("local", 2), ("ray", 1), ("ray", 2))
SAMPLE_S = 0.5

MOST_OVERHEAD = 0.25
MOST_GROWTH_MB = 60
"""Of the driver or a worker while the images grow ten times."""


@dataclass
class Run:
    """What one command took: seconds, and peaks in MB."""

    seconds: float = 0.0
    driver: float = 0.0
    workers: dict[int, float] = field(default_factory=dict)
    others: float = 0.0

    @property
    def worker(self) -> float:
        """Peak of the largest worker in MB."""
        return max(self.workers.values(), default=0.0)


def write_pictures(folder: Path, count: int) -> None:
    """Write ``DISTINCT`` JPEGs, detailed as photographs are, under ``count`` names."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    first: list[Path] = []
    for number in range(count):
        path = folder / f"{number // 1000:04}" / f"{number:07}.jpg"
        path.parent.mkdir(exist_ok=True)
        if number < DISTINCT:
            coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
            smooth = np.asarray(coarse.resize((320, 240), Image.Resampling.BICUBIC))
            grain = rng.normal(0, 6, (240, 320, 1))
            pixels = np.clip(smooth + grain, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path, quality=90)
            first.append(path)
        else:
            path.hardlink_to(first[number % DISTINCT])


def upload(folder: Path, address: str) -> None:
    """Put every picture below an address."""
    from fauxto.core import storage

    for path in sorted(folder.rglob("*.jpg")):
        inside = path.relative_to(folder).as_posix()
        storage.write(storage.join(address, inside), path.read_bytes())


def read_status(pid: int) -> tuple[int, float] | None:
    """Return a process's parent and its resident memory in MB; None if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(facts["PPid"]), int(facts.get("VmRSS", "0 kB").split()[0]) / 1024


def is_worker(pid: int) -> bool:
    """Return whether a process is one that fauxto's engine started for images."""
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def sample(driver: int, run: Run) -> None:
    """Add the memory of a command and of all processes below it."""
    facts = {
        int(entry.name): found
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (found := read_status(int(entry.name)))
    }
    below = {driver}
    while more := {pid for pid, (parent, _) in facts.items() if parent in below} - below:
        below |= more
    others = 0.0
    for pid in below & set(facts):
        memory = facts[pid][1]
        if pid == driver:
            run.driver = max(run.driver, memory)
        elif is_worker(pid):
            run.workers[pid] = max(run.workers.get(pid, 0.0), memory)
        else:
            others += memory
    run.others = max(run.others, others)


def measure(data: str, out: Path, engine: str, workers: int) -> Run:
    """Run one command to its end."""
    command = [
        sys.executable, "-m", "fauxto", "predict", data, "--out", str(out), "--engine", engine,
        "--workers", str(workers), "--part-rows", str(PART_ROWS), "--quiet",
    ]  # fmt: skip
    run = Run()
    start = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while process.poll() is None:
        sample(process.pid, run)
        time.sleep(SAMPLE_S)
    run.seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"failed: {' '.join(command)}")
    return run


def digest(out: Path) -> str:
    """Return a digest of the rows of all parts."""
    import hashlib

    from fauxto.data.table import read_frame

    whole = hashlib.sha256()
    for part in sorted(out.glob("part-*.parquet")):
        whole.update(read_frame(str(part)).write_ndjson().encode())
    return whole.hexdigest()


def measure_listing(rows: int = 300_000) -> None:
    """Print how fast the driver lists a table of paths, by its processor time."""
    import polars as pl

    from fauxto.data.collect import collect
    from fauxto.engine.plan import list_images, open_plan

    with tempfile.TemporaryDirectory() as name:
        table, out = f"{name}/table.parquet", f"{name}/out"
        paths = [f"s3://bucket/images/{n // 1000:06}/{n:012}.jpg" for n in range(rows)]
        pl.DataFrame({"path": paths, "label": "real"}).write_parquet(table)
        start = time.process_time()
        plan = list_images(open_plan(out, "predict", {}), collect([table]))
        seconds = time.process_time() - start
        size = sum(Path(address).stat().st_size for address in plan.listings())
    print(f"listing: {rows / seconds:,.0f} rows/s, {size / rows:.1f} bytes a row")


def main() -> None:
    """Measure every way; exit with 1 outside the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=int, nargs="?", default=10_000)
    parser.add_argument("--address", help="where to put the pictures, such as s3://bucket/bench")
    parser.add_argument("--listing", action="store_true", help="time the listing instead")
    arguments = parser.parse_args()
    if arguments.listing:
        measure_listing()
        return
    n = arguments.images
    runs: dict[tuple[str, int, int], Run] = {}
    digests = set()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        places = {}
        for count in (n // 10, n):
            folder = work / f"{count}"
            write_pictures(folder, count)
            places[count] = str(folder)
            if arguments.address:
                places[count] = f"{arguments.address.rstrip('/')}/{count}"
                upload(folder, places[count])
        print(f"{n:,} images from {arguments.address or 'disk'}, {os.cpu_count()} cores")
        print("way, workers: images/s with start; start, images/s without; MB driver, worker, Ray")
        for engine, workers in WAYS:
            for count, place in places.items():
                out = work / f"{engine}{workers}-{count}"
                runs[engine, workers, count] = measure(place, out, engine, workers)
            digests.add(digest(out))
            few, many = (runs[engine, workers, count] for count in places)
            rate = (n - n // 10) / (many.seconds - few.seconds)
            print(
                f"{engine}, {workers}: {n / many.seconds:.1f}; "
                f"{max(0.0, many.seconds - n / rate):.1f} s, {rate:.1f}; "
                f"{few.driver:.0f} to {many.driver:.0f}, {few.worker:.0f} to {many.worker:.0f}, "
                f"{few.others:.0f} to {many.others:.0f}",
                flush=True,
            )
    local, ray = runs["local", 2, n], runs["ray", 2, n]
    overhead = ray.seconds / local.seconds - 1
    growth = max(
        max(runs[way, w, n].driver - runs[way, w, n // 10].driver,
            runs[way, w, n].worker - runs[way, w, n // 10].worker)
        for way, w in WAYS
    )  # fmt: skip
    print(f"overhead of Ray at 2 workers: {overhead:.0%} (at most {MOST_OVERHEAD:.0%})")
    print(f"largest growth, ten times the images: {growth:.0f} MB (at most {MOST_GROWTH_MB})")
    print(f"tables that differ: {len(digests) - 1}")
    print(json.dumps({f"{way} {w} {c}": run.seconds for (way, w, c), run in runs.items()}))
    if overhead > MOST_OVERHEAD or growth > MOST_GROWTH_MB or len(digests) > 1:
        sys.exit("outside the limits")


if __name__ == "__main__":
    main()
