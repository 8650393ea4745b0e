"""Speed, memory and fidelity of reading pictures: audit and prepare beside plain Pillow.

Usage: python bench/ingest.py [speed|fidelity|memory|scale ...]; without a name all but ``scale``,
which reads up to 60,000 files. ``--pictures N`` sets how many large ones (default 96).

The pictures are photographs that scikit-learn and scikit-image ship, scaled to 2218 × 2202 with a
little noise, JPEG quality 90. "The report's scripts" are the two that the study describes: verify
and load every file, then scale every file with LANCZOS and save it. Each figure is the median of
three runs in processes of their own, the ways taken in turn.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (2218, 2202)
SIDE = 224
HUGE: dict[str, dict[str, int]] = {
    "baseline 4:2:0": {},
    "progressive 4:2:0": {"progressive": 1},
    "progressive 4:4:4": {"progressive": 1, "subsampling": 0},
}
RUNS = 3


def photographs() -> list[Image.Image]:
    """Return the photographs that come with the libraries."""
    import skimage.data
    from sklearn.datasets import load_sample_images

    names = ("astronaut", "coffee", "chelsea", "rocket")
    found = [*load_sample_images().images, *(getattr(skimage.data, name)() for name in names)]
    return [Image.fromarray(np.asarray(picture)[..., :3]) for picture in found]


def make_large(folder: Path, n: int) -> list[Path]:
    """Write ``n`` large JPEG pictures, half of them real, and return their paths."""
    rng = np.random.default_rng(0)
    sources = photographs()
    paths = []
    for number in range(n):
        picture = sources[number % len(sources)].resize(SIZE, Image.Resampling.BICUBIC)
        noise = rng.integers(-6, 7, (SIZE[1], SIZE[0], 1), dtype=np.int16)
        pixels = (np.asarray(picture, dtype=np.int16) + noise).clip(0, 255).astype(np.uint8)
        path = folder / "train" / ("real", "fake")[number % 2] / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=90)
        paths.append(path)
    return paths


def make_small(folder: Path, n: int) -> list[Path]:
    """Write ``n`` JPEG pictures of 64 × 64 pixels, all different."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(n):
        path = folder / "train" / ("real", "fake")[number % 2] / f"{number // 1000:03}"
        path.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(path / f"{number:06}.jpg")
        paths.append(path / f"{number:06}.jpg")
    return paths


def decode(path: Path, out: Path) -> None:
    """Decode every pixel, nothing else."""
    del out
    with Image.open(path) as image:
        image.load()


def check_as_reported(path: Path, out: Path) -> None:
    """Verify and load, as the report's integrity check does."""
    del out
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        image.load()


def resize_as_reported(path: Path, out: Path) -> None:
    """Scale with LANCZOS and save under the same name, as the report's preprocessing does."""
    with Image.open(path) as image:
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.save(out / path.name)


def report_scripts(path: Path, out: Path) -> None:
    """Run the report's two scripts."""
    check_as_reported(path, out)
    resize_as_reported(path, out)


def standardise_alone(path: Path, out: Path, resample: str) -> None:
    """Do what ``prepare`` does with a file that the audit's pass left no square of."""
    from fauxto.core.choices import Resample
    from fauxto.core.records import Preprocess
    from fauxto.imaging.decode import Limits
    from fauxto.prepare.standardise import Job, standardise

    preprocess = Preprocess(size_px=SIDE, resample=Resample(resample))
    standardise(Job(str(path), path, out / f"{path.stem}.png", preprocess, Limits()))


def share_pass(path: Path, out: Path, resample: str = "fast") -> None:
    """Audit a file, keep its square, and prepare from that, as ``fauxto run`` does."""
    from fauxto.core.choices import Resample
    from fauxto.core.records import Preprocess
    from fauxto.imaging.decode import Limits
    from fauxto.imaging.inspect import inspect_file
    from fauxto.imaging.squares import Squares
    from fauxto.prepare.standardise import Job, standardise

    preprocess = Preprocess(size_px=SIDE, resample=Resample(resample))
    squares = Squares(out / "squares", preprocess)
    facts = inspect_file(path, squares=squares)
    square = squares.path_of(facts.sha256 or "")
    target = out / f"{path.stem}.png"
    standardise(Job(str(path), path, target, preprocess, Limits(), square=square))


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "bare decoding": decode,
    "report: verify and load": check_as_reported,
    "report: LANCZOS": resize_as_reported,
    "report: both scripts": report_scripts,
    "audit + prepare fast": share_pass,
    "audit + prepare exact": partial(share_pass, resample="exact"),
    "prepare exact": partial(standardise_alone, resample="exact"),
    "prepare fast": partial(standardise_alone, resample="fast"),
}


def rate(way: str, data: Path, workers: int) -> float:
    """Return images per second of one way over all files; start-up is not counted."""
    # Workers do not run a main script again, so the functions must be a module's.
    import ingest
    from fauxto.engine.local import map_rows

    paths = sorted(data.rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        work = partial(ingest.WAYS[way], out=Path(folder))
        if workers == 1:
            work(paths[0])
            start = time.perf_counter()
            for path in paths:
                work(path)
        else:
            results = map_rows(
                work,
                [*paths[: 2 * workers], *paths],
                workers=workers,
                timeout_s=60,
                memory_limit_bytes=None,
                on_lost=lambda _, reason: sys.exit(reason),
                progress=lambda _: None,
            )
            for _ in range(2 * workers):
                next(results)
            start = time.perf_counter()
            for _ in results:
                pass
        return len(paths) / (time.perf_counter() - start)


def call(*arguments: str) -> str:
    """Run a part of this script in a process of its own and return what it printed."""
    command = [sys.executable, __file__, "--part", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def speed(data: Path) -> None:
    """Print rates and ratios."""
    cases = [(way, 1) for way in WAYS] + [("audit + prepare fast", 2), ("prepare exact", 2)]
    rates: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    for _ in range(RUNS):
        for way, workers in cases:
            rates[way, workers].append(float(call("rate", way, str(data), str(workers))))
    median = {case: statistics.median(values) for case, values in rates.items()}
    for (way, workers), value in median.items():
        print(f"{way:26} {workers} process{'es' if workers > 1 else '  '} {value:7.1f} images/s")
    fast, exact = median["audit + prepare fast", 1], median["prepare exact", 1]
    both, bare = median["report: both scripts", 1], median["bare decoding", 1]
    print(f"audit + prepare fast / report's scripts: {fast / both:.2f} (wanted: at least 5)")
    print(f"bare decoding / audit + prepare fast:    {bare / fast:.2f} (wanted: at most 1.5)")
    script = median["report: LANCZOS", 1]
    print(f"prepare exact / report's script:         {exact / script:.2f} (wanted: at least 1.3)")
    two = median["prepare exact", 2]
    print(f"the same with the usual two processes:   {two / script:.2f}")
    two = median["audit + prepare fast", 2]
    print(f"two processes / one:                     {two / fast:.2f} (wanted: at least 1.8)")


def fidelity(data: Path) -> None:
    """Print how near ``fast`` is to ``exact``, and whether ``exact`` is Pillow's."""
    from fauxto.core.choices import Resample
    from fauxto.core.records import Preprocess
    from fauxto.imaging.decode import Limits
    from fauxto.imaging.preprocess import load_fitted

    decibels, equal = [], 0
    paths = sorted(data.rglob("*.jpg"))
    for path in paths:
        exact, fast = (
            load_fitted(path.read_bytes(), Preprocess(size_px=SIDE, resample=kind), Limits())
            for kind in (Resample.EXACT, Resample.FAST)
        )
        with Image.open(path) as image:
            equal += image.resize((SIDE, SIDE), Image.Resampling.LANCZOS) == exact
        error = np.asarray(exact, dtype=float) - np.asarray(fast)
        decibels.append(10 * np.log10(255**2 / np.mean(error**2)))
    print(f"exact equals Pillow's LANCZOS in {equal} of {len(paths)} pictures")
    print(f"fast against exact: mean {np.mean(decibels):.1f} dB, least {min(decibels):.1f} dB")


def memory(folder: Path) -> None:
    """Print the peak memory of a process that audits one picture of 161 megapixels."""
    path = folder / "huge.jpg"
    for kind in HUGE:
        call("huge", str(path), kind)
        print(f"161 megapixels, {kind}: {call('peak', str(path)).strip()}")


def make_huge(path: Path, kind: str) -> None:
    """Write a JPEG of 161 megapixels; in a process of its own, whose memory nobody inherits."""
    side = 12_689
    source = photographs()[0].resize((side, side), Image.Resampling.BILINEAR)
    source.save(path, "JPEG", quality=90, **HUGE[kind])


def peak(path: Path) -> None:
    """Audit and prepare (fast) one file here and print the peak of resident memory."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        share_pass(path, Path(out))
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {used:.0f} MiB, {seconds:.1f} s")


def scale(folder: Path) -> None:
    """Print time per file and memory of whole audits of 1,000, 10,000 and 60,000 small files."""
    for n in (1_000, 10_000, 60_000):
        data = folder / f"{n}"
        make_small(data, n)
        print(f"{n:6,} files of 64 × 64 pixels: {call('audit', str(data)).strip()}", flush=True)


def whole_audit(data: Path) -> None:
    """Audit a folder here and print what it took."""
    from fauxto.audit.run import audit

    marks: dict[str, float] = {}
    peaks: dict[str, float] = {}

    def mark(stage: str, done: int, total: int, note: str = "") -> None:
        del note
        marks.setdefault(f"{stage} begins", time.perf_counter())
        if done == total:
            marks[f"{stage} ends"] = time.perf_counter()
            peaks[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    result = audit(data, out=data.parent / f"{data.name}-audit", progress=mark)
    reading = marks["audit ends"] - marks["audit begins"]
    page = (result.out / "index.html").stat().st_size
    print(
        f"reading {1000 * reading / result.images.height:.2f} ms a file, parent "
        f"{peaks['audit']:.0f} MiB while reading, {peaks['findings']:.0f} MiB at the end; findings "
        f"and page {marks['findings ends'] - marks['findings begins']:.1f} s, page "
        f"{page / 1e6:.1f} MB"
    )


def main() -> None:
    """Run what was asked for."""
    if sys.argv[1:2] == ["--part"]:
        name, *arguments = sys.argv[2:]
        if name == "rate":
            print(rate(arguments[0], Path(arguments[1]), int(arguments[2])))
        elif name == "huge":
            make_huge(Path(arguments[0]), arguments[1])
        elif name == "peak":
            peak(Path(arguments[0]))
        else:
            whole_audit(Path(arguments[0]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=("speed", "fidelity", "memory", "scale", []))
    parser.add_argument("--pictures", type=int, default=96)
    asked = parser.parse_args()
    parts = asked.parts or ["speed", "fidelity", "memory"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if {"speed", "fidelity"} & set(parts):
            make_large(folder / "large", asked.pictures)
        if "speed" in parts:
            speed(folder / "large")
        if "fidelity" in parts:
            fidelity(folder / "large")
        if "memory" in parts:
            memory(folder)
        if "scale" in parts:
            scale(folder)


if __name__ == "__main__":
    main()
