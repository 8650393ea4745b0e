"""Audit beside CleanVision and imagededup: time on the same pictures, and what each finds.

Usage: python bench/peers.py PYTHON [FOLDER ...], where PYTHON belongs to an environment with
``pip install cleanvision imagededup``. Without a folder 1,000 pictures of 500 × 375 pixels are
made, crops of the photographs that come with scikit-learn and scikit-image, with faults planted:
80 copies (equal bytes; compressed again; mirrored; 3 % cropped away on each side), 10 dark and 10
blurred. Times are whole commands, imports included, two processes each, the median of three turns;
then 10 files are cut short and each tool runs once more. A tool may call more pictures dark or
blurred than were planted; where a folder is given, only what is found is printed.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from ingest import photographs

RUNS = 3
SIZE = (500, 375)
COPIES = ("equal bytes", "compressed again", "mirrored", "cropped by 3 %")
CLEANVISION = """
import json, sys, warnings
warnings.simplefilter("ignore")
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues(n_jobs=2, verbose=False)
names = [c for c in lab.issues.columns if c.startswith("is_") and c.endswith("_issue")]
flagged = {c[3:-6]: [str(p) for p in lab.issues.index[lab.issues[c]]] for c in names}
sets = [s for kind in ("exact_duplicates", "near_duplicates") for s in lab.info[kind]["sets"]]
print("RESULT" + json.dumps({"flagged": flagged, "sets": [[str(p) for p in s] for s in sets]}))
"""
IMAGEDEDUP = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from imagededup.methods import PHash
found = PHash(verbose=False).find_duplicates(image_dir=sys.argv[1], recursive=True,
    num_enc_workers=2, num_dist_workers=2, max_distance_threshold=10)
root = sys.argv[1] + "/"
pairs = {tuple(sorted((root + a, root + b))) for a, others in found.items() for b in others}
print("RESULT" + json.dumps({"flagged": {}, "sets": sorted(pairs), "readable": len(found)}))
"""


def make_pictures(folder: Path) -> tuple[dict[str, list[tuple[Path, Path]]], dict[str, list[Path]]]:
    """Write the pictures and return the planted pairs and the planted poor files, by kind."""
    rng = np.random.default_rng(0)
    sources = [picture for picture in photographs() if min(picture.size) >= 400]
    paths = []
    for number in range(1000 - 20 * len(COPIES)):
        source = sources[number % len(sources)]
        width = int(rng.integers(90, 260))
        left = int(rng.integers(0, source.width - width))
        top = int(rng.integers(0, source.height - width * 3 // 4))
        crop = source.crop((left, top, left + width, top + width * 3 // 4)).resize(SIZE)
        turned = crop.rotate(int(rng.integers(0, 2)) * 180)
        path = folder / ("real", "fake")[number % 2] / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        turned.save(path, quality=90)
        paths.append(path)
    random.Random(0).shuffle(paths)
    pairs: dict[str, list[tuple[Path, Path]]] = {kind: [] for kind in COPIES}
    for kind in COPIES:
        for _ in range(20):
            original = paths.pop()
            copy = original.with_name(f"{original.stem}-{COPIES.index(kind)}.jpg")
            pairs[kind].append((original, copy))
            with Image.open(original) as picture:
                if kind == "equal bytes":
                    copy.write_bytes(original.read_bytes())
                elif kind == "compressed again":
                    picture.save(copy, quality=50)
                elif kind == "mirrored":
                    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(copy, quality=90)
                else:
                    box = (15, 11, SIZE[0] - 15, SIZE[1] - 11)
                    picture.crop(box).save(copy, quality=90)
    poor: dict[str, list[Path]] = {"dark": [], "blurred": []}
    for kind, chosen in poor.items():
        for _ in range(10):
            path = paths.pop()
            chosen.append(path)
            with Image.open(path) as picture:
                dark = ImageEnhance.Brightness(picture).enhance(0.05)
                blurred = picture.filter(ImageFilter.GaussianBlur(12))
            (dark if kind == "dark" else blurred).save(path, quality=90)
    return pairs, poor


def run_peer(python: str, code: str, data: Path) -> tuple[float, dict]:
    """Run a peer in its own environment and return seconds and what it found."""
    start = time.perf_counter()
    done = subprocess.run([python, "-c", code, str(data)], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        return seconds, {"failed": done.stderr.strip().splitlines()[-1:]}
    return seconds, json.loads(lines[0].removeprefix("RESULT"))


def run_fauxto(data: Path) -> tuple[float, dict]:
    """Run ``fauxto audit`` and return seconds and what it found."""
    import polars as pl

    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "audit"
        command = [sys.executable, "-m", "fauxto", "audit", data, "--out", out, "--quiet"]
        start = time.perf_counter()
        subprocess.run([*map(str, command), "--workers", "2"], check=True, capture_output=True)
        seconds = time.perf_counter() - start
        images = pl.read_parquet(out / "images.parquet")
        findings = json.loads((out / "findings.json").read_text("utf-8"))
    groups = images.filter(pl.col("group").is_not_null()).group_by("group").agg("path")
    flagged = {
        finding["kind"]: [str(data / path) for path in finding["rows"]]
        for finding in findings["findings"]
    }
    sets = [[str(data / path) for path in paths] for paths in groups["path"]]
    return seconds, {"flagged": flagged, "sets": sets}


def list_tools(python: str, data: Path) -> dict[str, Callable[[], tuple[float, dict]]]:
    """Return what runs each tool on a folder."""
    return {
        "fauxto audit": lambda: run_fauxto(data),
        "CleanVision": lambda: run_peer(python, CLEANVISION, data),
        "imagededup PHash": lambda: run_peer(python, IMAGEDEDUP, data),
    }


def compare(python: str, data: Path) -> dict[str, dict]:
    """Time the three in turn, print rates, and return what each found."""
    tools = list_tools(python, data)
    times: dict[str, list[float]] = {name: [] for name in tools}
    found: dict[str, dict] = {}
    for _ in range(RUNS):
        for name, run in tools.items():
            seconds, found[name] = run()
            times[name].append(seconds)
    files = sum(1 for path in data.rglob("*") if path.suffix in (".jpg", ".jpeg", ".png", ".webp"))
    ours = statistics.median(times["fauxto audit"])
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        print(
            f"{name:18} {middle:6.1f} s, {files / middle:6.1f} images/s, "
            f"{middle / ours:.2f} times fauxto's time"
        )
    return found


def report_planted(found: dict, pairs: dict, poor: dict) -> None:
    """Print how much of what was planted a tool found."""
    if "failed" in found:
        print("  failed:", *found["failed"])
        return
    sets = [set(paths) for paths in found["sets"]]
    for kind, planted in pairs.items():
        hits = sum(any({str(a), str(b)} <= members for members in sets) for a, b in planted)
        print(f"  {kind}: {hits} of {len(planted)}")
    planted_pairs = {frozenset(map(str, pair)) for kind in pairs.values() for pair in kind}
    others = sum(not any(pair <= members for pair in planted_pairs) for members in sets)
    print(f"  sets without a planted pair: {others}")
    names = {"dark": ("quality.dark", "dark"), "blurred": ("quality.blurred", "blurry")}
    for kind, planted in poor.items():
        named = {path for name in names[kind] for path in found["flagged"].get(name, ())}
        hits = len(named & set(map(str, planted)))
        print(f"  {kind}: {hits} of {len(planted)}, and {len(named) - hits} others")


def report_cut(python: str, data: Path) -> None:
    """Cut ten files short, and print what each tool makes of them."""
    cut = sorted(data.rglob("*.jpg"))[::100]
    for path in cut:
        path.write_bytes(path.read_bytes()[:-2000])
    for name, run in list_tools(python, data).items():
        _, found = run()
        named = set(found.get("flagged", {}).get("integrity.truncated", ()))
        words = f"{len(named & set(map(str, cut)))} of {len(cut)} named"
        print(f"{name}, {len(cut)} files cut short: {found.get('failed', words)}")


def main() -> None:
    """Compare on made pictures or on the folders given."""
    python, *folders = sys.argv[1:]
    for folder in map(Path, folders):
        print(folder.name)
        for name, found in compare(python, folder.resolve()).items():
            counts = {kind: len(paths) for kind, paths in found.get("flagged", {}).items() if paths}
            print(f"  {name}: {len(found.get('sets', ()))} sets of copies; {counts or ''}")
    if folders:
        return
    with tempfile.TemporaryDirectory() as name:
        pairs, poor = make_pictures(Path(name))
        for tool, found in compare(python, Path(name)).items():
            print(tool)
            report_planted(found, pairs, poor)
        report_cut(python, Path(name))


if __name__ == "__main__":
    main()
