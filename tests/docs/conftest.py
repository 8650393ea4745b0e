"""A folder like the one that the pages talk of: DATA, its audit, data set, run and model file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SOURCES = {"real": ("archive", "agency"), "fake": ("forum", "agency")}
COUNTS = {"train": 32, "val": 24, "test": 16}
"""Pictures of each class; 24 validation reals are enough for the policy fpr-5%."""


def picture(seed: int, *, fake: bool) -> Image.Image:
    """A smooth random picture; fakes carry a checkerboard, as crude up-sampling leaves."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 255, (6, 6, 3), np.uint8))
    size = (int(generator.integers(90, 120)), int(generator.integers(90, 120)))
    pixels = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    if fake:
        rows, columns = np.indices(pixels.shape[:2])
        pixels = pixels + (((rows + columns) % 2) * 60 - 30)[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_data(root: Path, generators: tuple[str, ...], first_seed: int) -> None:
    """Write ``{train,val,test}/{real,fake}`` and ``images.csv``."""
    rows = ["path,label,split,source,generator"]
    seed = first_seed
    for split, count in COUNTS.items():
        for label, sources in SOURCES.items():
            folder = root / split / label
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                name = f"{seed:05}.jpg"
                picture(seed, fake=label == "fake").save(folder / name, quality=95)
                generator = generators[index % len(generators)] if label == "fake" else ""
                rows.append(
                    f"{split}/{label}/{name},{label},{split},{sources[index % 2]},{generator}"
                )
                seed += 1
    (root / "images.csv").write_text("\n".join(rows) + "\n", "utf-8")


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    """Environment in which ``fauxto`` and ``python`` are the ones under test."""
    programs = tmp_path_factory.mktemp("programs")
    # Scripts, not links: a link to an environment's python does not find its packages.
    for name, words in (("fauxto", " -m fauxto"), ("python", "")):
        launcher = programs / name
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        launcher.chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, environment) -> Path:
    """What a reader has who followed the README: DATA to MODEL.onnx."""
    root = tmp_path_factory.mktemp("workplace")
    write_data(root / "DATA", ("midjourney", "sdxl"), 0)
    write_data(root / "NEW", ("flux",), 20_000)
    shutil.copy(root / "DATA/test/real/00112.jpg", root / "photo.jpg")
    (root / "inbox").mkdir()
    shutil.copy(root / "photo.jpg", root / "inbox")
    (root / "pictures").mkdir()
    shutil.copy(root / "photo.jpg", root / "pictures/photo.jpg")
    for command in (
        "audit DATA --out AUDIT",
        "prepare DATA --audit AUDIT --out DATASET",
        "train DATASET --recipe lite --set train.max_epochs=1 --out RUN",
        "export RUN --out MODEL.onnx",
    ):
        subprocess.run(
            ["fauxto", *command.split(), "--quiet"], cwd=root, env=environment, check=True
        )
    return root
