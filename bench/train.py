"""Speed of training on this machine's CPU, as ratios measured in one run; memory; start-up.

Usage: python bench/train.py [lite] [resnet18] [loader] [memory] [start]; default all. Every
measurement is a process of its own; medians of three, the kinds taking turns. Data are generated.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RECIPES = {"lite": "lite", "resnet18": "report/resnet18"}
BATCH_SIZE = 32
STEPS = 6
RUNS = 3
LEAST = {"of bare": 0.95, "of plain": 1.2, "loader": 3.0}
START_ROWS, START_S = 60_000, 10.0


def write_dataset(folder: Path, images: int, size_px: int, distinct: int) -> None:
    """Write a prepared data set of noise and gradients; beyond ``distinct`` its files are links."""
    import numpy as np
    import polars as pl
    from PIL import Image

    from fauxto.core.artifacts import IMAGES, PREPARE, claim_folder, finish_folder, write_json
    from fauxto.core.records import Preprocess
    from fauxto.data.table import IMAGE_SCHEMA, write_table

    claim = claim_folder(folder, "prepare", {})
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in ("real", "fake"):
            (folder / split / label).mkdir(parents=True)
    originals, rows = [], []
    for number in range(images):
        label = ("real", "fake")[number % 2]
        path = f"{'val' if number % 50 < 2 else 'train'}/{label}/{number:06}.png"
        if number < distinct:
            coarse = rng.integers(0, 256, (size_px // 4, size_px // 4, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC)
            picture.save(folder / path, compress_level=1)
            originals.append(folder / path)
        else:
            os.link(originals[number % distinct], folder / path)
        digest = hashlib.sha256(path.encode()).hexdigest()
        rows.append((path, label, path.split("/")[0], "ok", digest))
    names = ("path", "label", "split", "status", "sha256")
    frame = pl.DataFrame(rows, schema=names, orient="row")
    frame = frame.with_columns(pl.lit(None).alias(n) for n in IMAGE_SCHEMA if n not in names)
    frame = frame.select(*IMAGE_SCHEMA, pl.col("path").alias("original")).cast(IMAGE_SCHEMA)
    write_table(folder / IMAGES, frame.sort("path"))
    preprocess = Preprocess(size_px=size_px).model_dump(mode="json")
    write_json(folder / PREPARE, {"preprocess": preprocess, "split_method": "given"})
    finish_folder(claim)


def measure_bare(name: str, _data: Path) -> dict[str, float]:
    """Forward, backward and step on one fixed tensor, as the loop runs them; images a second."""
    import torch
    from torch.nn.functional import cross_entropy

    from fauxto.core.recipe import load_recipe
    from fauxto.models.allocator import keep_freed_memory
    from fauxto.models.build import build_network, find_spec
    from fauxto.train.determinism import deterministic
    from fauxto.train.optim import make_optimizer

    recipe = load_recipe(RECIPES[name])
    keep_freed_memory()
    with deterministic(0):
        module = build_network(find_spec(recipe.model.name), size_px=224).train()
        module = module.to(memory_format=torch.channels_last)
        optimizer = make_optimizer(module, recipe.train, {})
        inputs = torch.randn(BATCH_SIZE, 3, 224, 224).contiguous(memory_format=torch.channels_last)
        labels = torch.arange(BATCH_SIZE) % 2
        started = 0.0
        for step in range(STEPS + 1):
            if step == 1:
                started = time.perf_counter()
            cross_entropy(module(inputs), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    return {"images_s": STEPS * BATCH_SIZE / (time.perf_counter() - started)}


def measure_loop(name: str, data: Path) -> dict[str, float]:
    """``fauxto train``'s own loop: reading, augmenting, stepping, telling; images a second."""
    from fauxto.core.recipe import load_recipe
    from fauxto.train.run import train

    settings = ["model.weights=none", "train.max_epochs=1", f"train.batch_size={BATCH_SIZE}"]
    seen: list[tuple[float, int]] = []

    def progress(_stage: str, done: int, _total: int, _note: str = "") -> None:
        seen.append((time.perf_counter(), done))

    with tempfile.TemporaryDirectory() as folder:
        train(
            data,
            recipe=load_recipe(RECIPES[name], settings),
            out=Path(folder) / "run",
            workers=os.cpu_count() or 1,
            progress=progress,
        )
    (start, first), (end, last) = seen[0], seen[-1]
    return {"images_s": (last - first) / (end - start)}


def measure_plain(name: str, data: Path) -> dict[str, float]:
    """A loop as the report describes it: ImageFolder, DataLoader, contiguous; images a second."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from fauxto.core.recipe import load_recipe
    from fauxto.models.build import build_network, find_spec

    recipe = load_recipe(RECIPES[name])
    spec = find_spec(recipe.model.name)
    images = ImageFolder(
        str(data / "train"),
        transforms.Compose(
            [
                transforms.Resize((224, 224)),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(spec.mean, spec.std),
            ]
        ),
    )
    loader = DataLoader(images, BATCH_SIZE, shuffle=True, num_workers=os.cpu_count() or 1)
    module = build_network(spec, size_px=224).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=recipe.train.lr)
    loss_sum, right, done, first, started = 0.0, 0, 0, 0, 0.0
    for inputs, labels in loader:
        optimizer.zero_grad()
        logits = module(inputs)
        loss = cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        right += int((logits.argmax(dim=1) == labels).sum())
        done += len(labels)
        if not first:
            first, started = done, time.perf_counter()
    return {"images_s": (done - first) / (time.perf_counter() - started)}


def measure_loader(_name: str, data: Path) -> dict[str, float]:
    """Reading, augmenting and batching alone, no network; images a second."""
    from fauxto.core.recipe import load_recipe
    from fauxto.loading.epochs import iterate_training
    from fauxto.train.plan import make_plan

    recipe = load_recipe("lite", ["model.weights=none"])
    images = make_plan(data, recipe).images
    started, done = time.perf_counter(), 0
    for epoch in (1, 2, 3):
        for batch in iterate_training(
            images.train, images.preprocess, recipe.augment,
            batch_size=BATCH_SIZE, seed=1, epoch=epoch, workers=os.cpu_count() or 1,
        ):  # fmt: skip
            done += len(batch.images)
    return {"images_s": done / (time.perf_counter() - started)}


def measure_memory(_name: str, data: Path) -> dict[str, float]:
    """Resident memory after each of six epochs of Lite, in MB."""
    from fauxto.core.recipe import load_recipe
    from fauxto.train.run import train

    after: dict[str, float] = {}

    def progress(stage: str, done: int, total: int, _note: str = "") -> None:
        if done == total:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            after[stage] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    settings = ["model.weights=none", "train.max_epochs=6", "train.patience=6",
                "train.batch_size=16"]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        train(
            data,
            recipe=load_recipe("lite", settings),
            out=Path(folder) / "run",
            workers=os.cpu_count() or 1,
            progress=progress,
        )
    return after


def measure_start(_name: str, data: Path) -> dict[str, float]:
    """Seconds from the start of the process to the end of the first step, and its parts."""
    begun = time.perf_counter()
    from fauxto.core.recipe import load_recipe
    from fauxto.models.build import build_network, find_spec
    from fauxto.models.weights import load_weights
    from fauxto.train.run import train

    parts = {"imports": time.perf_counter() - begun}
    spec = find_spec("efficientnet_lite0")
    started = time.perf_counter()
    load_weights(build_network(spec, size_px=32), spec, "default")
    parts["model loading"] = time.perf_counter() - started

    class FirstStepError(Exception):
        """Ends the training that is measured."""

    def progress(_stage: str, _done: int, _total: int, _note: str = "") -> None:
        parts["train() to first step"] = time.perf_counter() - started
        raise FirstStepError

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        try:
            train(data, recipe=load_recipe("lite"), out=Path(folder) / "run", progress=progress)
        except FirstStepError:
            parts["all but model loading"] = (
                parts["imports"] + parts["train() to first step"] - parts["model loading"]
            )
    return parts


MEASURES = {
    "bare": measure_bare,
    "loop": measure_loop,
    "plain": measure_plain,
    "loader": measure_loader,
    "memory": measure_memory,
    "start": measure_start,
}


def run(measure: str, name: str, data: Path) -> dict[str, float]:
    """Return what one measurement gives in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--one", measure, name, str(data)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare_loops(name: str, data: Path) -> Iterator[str]:
    """Measure a network's three loops in turn; print, and yield what misses its limit."""
    speeds: dict[str, list[float]] = {"bare": [], "loop": [], "plain": []}
    for _ in range(RUNS):
        for kind, values in speeds.items():
            values.append(run(kind, name, data)["images_s"])
    medians = {kind: statistics.median(values) for kind, values in speeds.items()}
    for kind, values in speeds.items():
        print(
            f"{name:9} {kind:6} {medians[kind]:7.1f} images/s  {sorted(map(round, values))}",
            flush=True,
        )
    ratios = {
        "of bare": medians["loop"] / medians["bare"],
        "of plain": medians["loop"] / medians["plain"],
    }
    for what, ratio in ratios.items():
        print(f"{name:9} loop is {ratio:.2f} {what} (at least {LEAST[what]})")
        if ratio < LEAST[what]:
            yield f"{name}: {ratio:.2f} {what}"


def check_loader(data: Path) -> Iterator[str]:
    """Compare the loader alone with what Lite consumes; yield a miss."""
    speeds = [run("loader", "lite", data)["images_s"] for _ in range(RUNS)]
    consumed = run("bare", "lite", data)["images_s"]
    ratio = statistics.median(speeds) / consumed
    print(
        f"loader alone {statistics.median(speeds):.0f} images/s, Lite consumes {consumed:.1f}: "
        f"{ratio:.1f} times (at least {LEAST['loader']})"
    )
    if ratio < LEAST["loader"]:
        yield f"loader: {ratio:.1f}"


def check_memory(data: Path) -> Iterator[str]:
    """Print memory by epoch; yield a miss if it still grows after the second."""
    after = run("memory", "lite", data)
    print("memory in MB after each epoch:", ", ".join(f"{value:.0f}" for value in after.values()))
    values = list(after.values())
    if max(values[2:]) > 1.05 * max(values[:2]):
        yield "memory grows over epochs"


def check_start(folder: Path) -> Iterator[str]:
    """Print how long a large data set takes to its first step; yield a miss."""
    write_dataset(folder / "large", START_ROWS, 32, 64)
    parts = run("start", "lite", folder / "large")
    print(f"start-up with {START_ROWS:,} images, in seconds:")
    for part, seconds in parts.items():
        print(f"  {part:24} {seconds:5.1f}")
    if parts["all but model loading"] > START_S:
        yield f"start-up: {parts['all but model loading']:.1f} s"


def main(asked: list[str]) -> None:
    """Run what is asked for, or everything; exit with 1 outside a limit."""
    asked = asked or ["lite", "resnet18", "loader", "memory", "start"]
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        write_dataset(data, 50 * ((STEPS + 1) * BATCH_SIZE) // 48, 224, 10**6)
        for name in RECIPES:
            if name in asked:
                missed += compare_loops(name, data)
        if "loader" in asked:
            missed += check_loader(data)
        if "memory" in asked:
            missed += check_memory(data)
        if "start" in asked:
            missed += check_start(Path(folder))
    print("GPU: no row; measured on a machine without one")
    if missed:
        sys.exit("outside the limit: " + "; ".join(missed))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(MEASURES[sys.argv[2]](sys.argv[3], Path(sys.argv[4]))))
    else:
        main(sys.argv[1:])
