"""Time and memory of Grad-CAM over many images, against the network's forward pass alone.

Usage: python bench/explain.py [RUN]; default a Lite of random weights at 224 px. Both are timed in
turn, batch by batch, over the same 500 images of noise; the whole pass of ``explain`` that reads
files, makes maps and measures them is timed in a process of its own, whose peak is the memory.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

IMAGES = 500
BATCH = 16
MOST_RATIO = 2.5
"""Grad-CAM against the forward pass."""
MOST_GROWTH_MB = 30
"""Peak memory of 500 images over that of 100."""


def open_lite(run: Path | None):  # noqa: ANN201 - imported inside
    """Open a run folder, or make a Lite of random weights."""
    import torch

    from fauxto.core.records import Environment, ModelCard, Policy, Preprocess
    from fauxto.explain.layout import read_layout
    from fauxto.explain.torch_subject import TorchSubject, open_torch_subject
    from fauxto.models.build import build_network, find_spec

    if run is not None:
        return open_torch_subject(run, "gradcam", "cpu")
    torch.manual_seed(0)
    spec = find_spec("efficientnet_lite0")
    module = build_network(spec, size_px=224).eval().to(memory_format=torch.channels_last)
    preprocess = Preprocess(mean=spec.mean, std=spec.std)
    card = ModelCard(
        name="lite", architecture=spec.name, parameters=spec.parameters, preprocess=preprocess,
        preprocess_hash=preprocess.hash, temperature=1, threshold=0.5, policy=Policy.ARGMAX,
        operating_points=(), data={"digest": "", "counts": {}}, seed=0, epochs=0, best_epoch=0,
        best_val_loss=0, batch_size=1, lr=0, weights_source="none", weights_licence="none",
        wall_time_s=0, environment=Environment(python="", platform="", device="cpu"),
    )  # fmt: skip
    return TorchSubject("lite", module, card, read_layout(spec, module), ("gradcam",))


def write_images(folder: Path, count: int) -> list[Path]:
    """Write JPEG files of noise."""
    from PIL import Image

    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        pixels = rng.integers(0, 256, (28, 28, 3), np.uint8)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(pixels).resize((256, 256)).save(paths[-1])
    return paths


def study(run: Path | None, count: int) -> float:
    """Return the seconds that maps and numbers of ``count`` files take."""
    from fauxto.core.progress import silent
    from fauxto.explain.items import name_items
    from fauxto.explain.study import study_subject
    from fauxto.explain.target import Target

    subject = open_lite(run)
    with tempfile.TemporaryDirectory() as folder:
        items = name_items(write_images(Path(folder), count))
        start = time.perf_counter()
        found = study_subject(
            subject, items, range(8), Target.PREDICTED, workers=2, progress=silent
        )
        seconds = time.perf_counter() - start
    assert len(found.rows) == count
    return seconds


def time_maps(run: Path | None) -> None:
    """Print what maps cost against the forward pass; exit with 1 outside the limit."""
    import torch

    from fauxto.explain.subject import choose_sides
    from fauxto.explain.target import Target

    subject = open_lite(run)
    rng = np.random.default_rng(0)
    batches = [
        rng.normal(size=(min(BATCH, IMAGES - start), 3, 224, 224)).astype(np.float32)
        for start in range(0, IMAGES, BATCH)
    ]

    def forward(batch: np.ndarray) -> None:
        inputs = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            subject.module(inputs).numpy()

    def explain(batch: np.ndarray) -> None:
        sides = choose_sides(subject.card, subject.odds(batch), Target.PREDICTED)
        subject.explain(batch, "gradcam", sides)

    works = {"forward pass": forward, "score and Grad-CAM": explain}
    for work in works.values():  # warms up
        work(batches[0])
    seconds = {name: [] for name in works}
    for batch in batches:
        for name, work in works.items():
            start = time.perf_counter()
            work(batch)
            seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        print(f"{name}, {IMAGES} images in batches of {BATCH}: {sum(times):.2f} s", flush=True)
    ratios = sorted(maps / plain for plain, maps in zip(*seconds.values(), strict=True))
    ratio = statistics.median(ratios)
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    print(f"ratio: median {ratio:.2f} of {len(ratios)} batches, four fifths of them within "
          f"{low:.2f} to {high:.2f}; at most {MOST_RATIO}", flush=True)  # fmt: skip
    if ratio > MOST_RATIO:
        sys.exit("slower than the limit")


def measure_memory(run: list[str]) -> None:
    """Print time and peak memory of 100 and 500 images; exit with 1 if memory grows."""
    peaks = []
    for count in (100, IMAGES):
        command = [sys.executable, __file__, "--study", str(count), *run]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, peak = map(float, done.stdout.split())
        peaks.append(peak)
        print(f"files to maps and numbers, {count} images: {seconds:.1f} s, peak {peak:.0f} MB",
              flush=True)  # fmt: skip
    if peaks[1] - peaks[0] > MOST_GROWTH_MB:
        sys.exit(f"memory grows by more than {MOST_GROWTH_MB} MB")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--study"]:
        print(study(Path(arguments[2]) if arguments[2:] else None, int(arguments[1])))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        time_maps(Path(arguments[0]) if arguments else None)
        measure_memory(arguments)
