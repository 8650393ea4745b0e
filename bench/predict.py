"""Start, speed and memory of ``fauxto predict`` on 1-megapixel JPEGs, against bare parts.

Usage: python bench/predict.py [MODEL.onnx]; default the bundled detector, else a network of the
same size with random weights. Everything is measured in one run, each number in processes of its
own, medians of several. The encoder that it is compared with is a ViT-B/16 at 224 pixels, the
image half of the smallest CLIP in use, exported to ONNX with random weights: only its cost counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import onnxruntime
    import torch

SIDE_PX = 1024
DISTINCT = 40
FOLDER = 1000
STARTS = 5
REPEATS = 3

MAX_START_S = 1.0
MAX_START_MB = 180
LEAST_SHARE_OF_PARTS = 0.8
LEAST_TIMES_FASTER = 8.0
MOST_GROWTH_MB = 20


def write_pictures(folder: Path) -> list[Path]:
    """Write ``DISTINCT`` JPEGs, detailed as photographs are (about 400 KB each)."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(DISTINCT):
        coarse = Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))
        grain = rng.normal(0, 6, (SIDE_PX, SIDE_PX, 1))
        pixels = np.clip(smooth + grain, 0, 255).astype(np.uint8)
        paths.append(folder / f"{number:03}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=90)
    return paths


def write_folder(folder: Path, pictures: list[Path], count: int) -> None:
    """Fill a folder with ``count`` links to the pictures."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.jpg").hardlink_to(pictures[number % len(pictures)])


def write_vit(path: Path) -> None:
    """Export a ViT-B/16 at 224 pixels with random weights."""
    import timm

    export(timm.create_model("vit_base_patch16_224", pretrained=False, num_classes=2), path)


def write_lite(path: Path) -> None:
    """Export an EfficientNet-Lite0 with random weights and a card."""
    import onnx

    from fauxto.core.records import DataSummary, Environment, ModelCard, OperatingPoint, Preprocess
    from fauxto.models.build import build_network, find_spec

    export(build_network(find_spec("efficientnet_lite0"), size_px=224), path)
    preprocess = Preprocess()
    card = ModelCard(
        name="random", architecture="efficientnet_lite0", parameters=0, preprocess=preprocess,
        preprocess_hash=preprocess.hash, temperature=1.0, threshold=0.5, policy="argmax",
        operating_points=(OperatingPoint(policy="argmax", threshold=0.5, recall_fake=0, fpr=0),),
        data=DataSummary(digest="", counts={}), seed=0, epochs=1, best_epoch=1, best_val_loss=0.0,
        batch_size=1, lr=0.0, weights_source="random", weights_licence="none", wall_time_s=None,
        environment=Environment(python="", platform="", device=""),
    )  # fmt: skip
    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key, entry.value = "fauxto_card", card.model_dump_json()
    onnx.save_model(model, path)


def export(network: "torch.nn.Module", path: Path) -> None:
    """Write a network as one ONNX file that takes batches of 224-pixel inputs."""
    import torch

    torch.onnx.export(
        network.eval(), (torch.zeros(2, 3, 224, 224),), str(path), input_names=["input"],
        output_names=["logits"], dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True,
        external_data=False, verbose=False,
    )  # fmt: skip


def decode(path: Path) -> np.ndarray:
    """Return what a network takes, by Pillow and NumPy alone."""
    rgb = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.LANCZOS)
    return np.asarray(rgb, np.float32).transpose(2, 0, 1) / 255


def time_decoding(pictures: list[Path]) -> float:
    """Return seconds an image takes to decode in one thread a core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        start = time.perf_counter()
        count = sum(1 for _ in pool.map(decode, pictures * 4))
        return (time.perf_counter() - start) / count


def time_network(session: "onnxruntime.InferenceSession", batch: int, rounds: int) -> float:
    """Return seconds an image takes in ONNX Runtime with its own settings."""
    inputs = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), np.float32)
    session.run(["logits"], {"input": inputs})
    start = time.perf_counter()
    for _ in range(rounds):
        session.run(["logits"], {"input": inputs})
    return (time.perf_counter() - start) / (rounds * batch)


def peak_of(command: list[str]) -> tuple[float, float]:
    """Run a command and return its wall time in seconds and its peak memory in MB."""
    measured = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "seconds = time.perf_counter() - start\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024\n"
        "print(json.dumps([done.returncode, seconds, peak]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", measured, *command], check=True, capture_output=True, text=True
    )
    code, seconds, peak = json.loads(result.stdout)
    if code:
        sys.exit(f"failed: {' '.join(command)}")
    return seconds, peak


def predict_command(model: Path, target: Path) -> list[str]:
    """Return the command that predicts a file or folder, as a user would type it."""
    fauxto = Path(sys.executable).with_name("fauxto")
    return [str(fauxto), "predict", str(target), "--model", str(model), "--json", "--quiet"]


def measure_start(model: Path, picture: Path) -> bool:
    """Print the time and memory from nothing to one verdict; return whether they hold."""
    runs = [peak_of(predict_command(model, picture)) for _ in range(STARTS)]
    seconds, peak = (statistics.median(values) for values in zip(*runs, strict=True))
    print(
        f"start to first verdict: {seconds:.2f} s, {peak:.0f} MB "
        f"(limits {MAX_START_S} s, {MAX_START_MB} MB)"
    )
    return seconds <= MAX_START_S and peak <= MAX_START_MB


def measure_folder(model: Path, vit: Path, work: Path, pictures: list[Path]) -> bool:
    """Print the speed of a folder against its parts and the encoder; return whether it holds."""
    import onnxruntime

    light, heavy = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in (model, vit)
    )
    write_folder(work / "once", pictures, FOLDER)
    write_folder(work / "twice", pictures, 2 * FOLDER)
    decoding, network, encoder, whole, peaks = [], [], [], [], []
    for _ in range(REPEATS):
        decoding.append(time_decoding(pictures))
        network.append(time_network(light, 8, 25))
        encoder.append(time_network(heavy, 4, 4))
        seconds, peak = peak_of(predict_command(model, work / "once"))
        whole.append(seconds / FOLDER)
        peaks.append(peak)
    d, n, e, w = map(statistics.median, (decoding, network, encoder, whole))
    share, times = (d + n) / w, (d + e) / w
    print(
        f"{FOLDER:,} images: {1 / w:.1f} images/s with start; parts: {1 / n:.1f} images/s bare "
        f"ONNX Runtime, {1 / d:.1f} images/s decoding\n"
        f"share of the parts one after the other: {share:.2f} (at least {LEAST_SHARE_OF_PARTS})\n"
        f"ViT-B/16 with the same decoding: {1 / (d + e):.2f} images/s, fauxto {times:.1f} times "
        f"as fast (at least {LEAST_TIMES_FASTER:.0f})"
    )
    _, twice = peak_of(predict_command(model, work / "twice"))
    once = statistics.median(peaks)
    print(f"peak memory: {once:.0f} MB for {FOLDER:,} images, {twice:.0f} MB for {2 * FOLDER:,}")
    flat = twice - once <= MOST_GROWTH_MB
    return share >= LEAST_SHARE_OF_PARTS and times >= LEAST_TIMES_FASTER and flat


def main() -> None:
    """Measure everything; exit with 1 outside the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="an exported .onnx file")
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if model is None:
            from fauxto.models.scorer import BUNDLED

            model = BUNDLED if BUNDLED.is_file() else work / "lite.onnx"
            if not model.is_file():
                write_lite(model)
        write_vit(work / "vit.onnx")
        pictures = write_pictures(work / "pictures")
        holds = measure_start(model, pictures[0])
        holds = measure_folder(model, work / "vit.onnx", work, pictures) and holds
    if not holds:
        sys.exit("outside the limits")


if __name__ == "__main__":
    main()
