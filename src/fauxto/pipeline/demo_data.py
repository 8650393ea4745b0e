"""The demo's pictures: crops of photographs that come with libraries, half of them reconstructed.

Real: a crop as it is. Fake: another crop of the same photograph, passed through a small neural
encoder-decoder, so that only the traces of neural up-sampling differ and not the subject (AutoGAN:
Zhang, Karaman and Chang 2019, arXiv:1907.06515). No crop occurs twice, and all crops of a
photograph are on one side of the split.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from jaxtyping import UInt8
from PIL import Image

from fauxto.core.artifacts import FolderState, claim_folder, finish_folder, write_bytes, write_text
from fauxto.core.errors import MissingExtra
from fauxto.core.labels import Label, Split
from fauxto.core.progress import Progress, silent

CROP_PX: Final = 96
MAX_CROPS: Final = 36
"""Crops taken of one photograph."""
MIN_CONTRAST: Final = 12.0
"""Standard deviation in levels of 255 below which a crop shows nothing and is left out."""

PHOTOGRAPHS: Final = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/brick.png"),
    ("skimage", "data/camera.png"),
    ("skimage", "data/cell.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/clock_motion.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/coins.png"),
    ("skimage", "data/grass.png"),
    ("skimage", "data/gravel.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/ihc.png"),
    ("skimage", "data/moon.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/retina.jpg"),
    ("skimage", "data/rocket.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
"""Package and file of each photograph (micrographs and telescope pictures among them)."""

GENERATOR: Final = "fauxto's encoder-decoder"
_HELD_OUT: Final = {Split.TEST: 5, Split.VAL: 3}
"""Photographs outside training."""


@dataclass(frozen=True)
class _Crop:
    photograph: str
    label: Label
    number: int
    pixels: UInt8[np.ndarray, "h w 3"]
    grey: bool


def make_demo_data(
    out: Path, *, seed: int = 42, overwrite: bool = False, progress: Progress = silent
) -> Path:
    """Write the demo's data set: ``{train,val,test}/{real,fake}`` and ``images.csv``.

    Two files are broken on purpose, so that the audit has something to find.

    Args:
        out: folder to write; found finished, it is left as it is.
        seed: decides which photographs are held out.
        overwrite: replace what a fauxto verb wrote there before.
        progress: told how many photographs are done.

    Returns:
        ``out``.

    Raises:
        MissingExtra: the packages with the photographs are not installed.
        ArtifactError: ``out`` holds something else or cannot be written.
    """
    claim = claim_folder(out, "demo", {"seed": seed, "crop_px": CROP_PX}, overwrite=overwrite)
    if claim.state is FolderState.DONE:
        return out
    splits = _draw_splits(seed)
    model = (resources.files("fauxto.pipeline") / "reconstructor.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = []
    for done, (package, file) in enumerate(PHOTOGRAPHS, start=1):
        for crop in _cut(package, file):
            pixels = _reconstruct(session, crop) if crop.label is Label.FAKE else crop.pixels
            split = splits[crop.photograph]
            path = f"{split}/{crop.label}/{crop.photograph}-{crop.number:02}.png"
            write_bytes(out / path, _png(pixels))
            generator = GENERATOR if crop.label is Label.FAKE else ""
            rows.append((path, crop.label, split, crop.photograph, generator))
        progress("demo data", done, len(PHOTOGRAPHS))
    _plant_broken(out, rows[0][0])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("path", "label", "split", "source", "generator"))
    writer.writerows(sorted(rows))
    write_text(out / "images.csv", buffer.getvalue())
    finish_folder(claim)
    return out


def _draw_splits(seed: int) -> dict[str, Split]:
    names = sorted(Path(file).stem for _, file in PHOTOGRAPHS)
    order = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    splits = dict.fromkeys(names, Split.TRAIN)
    for split, count in _HELD_OUT.items():
        splits.update(dict.fromkeys(order[:count], split))
        order = order[count:]
    return splits


def _locate(package: str, file: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("the demo's photographs", "demo")
    return Path(next(iter(found.submodule_search_locations))) / file


def _cut(package: str, file: str) -> Iterator[_Crop]:
    """Yield a photograph's crops: a grid in which real and fake alternate like a chessboard."""
    with Image.open(_locate(package, file)) as image:
        grey = image.mode == "L"
        picture = np.asarray(image.convert("RGB"))
    rows, columns = picture.shape[0] // CROP_PX, picture.shape[1] // CROP_PX
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    number = 0
    for row, column in cells:
        top, left = row * CROP_PX, column * CROP_PX
        pixels = picture[top : top + CROP_PX, left : left + CROP_PX]
        if pixels.std() < MIN_CONTRAST or number == MAX_CROPS:
            continue
        label = Label.FAKE if (row + column) % 2 else Label.REAL
        yield _Crop(Path(file).stem, label, number, pixels, grey)
        number += 1


def _reconstruct(session: onnxruntime.InferenceSession, crop: _Crop) -> UInt8[np.ndarray, "h w 3"]:
    """Return the crop as the encoder-decoder gives it back; grey stays grey."""
    inputs = crop.pixels.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255)
    (outputs,) = session.run(None, {"pictures": inputs})
    pixels = np.rint(outputs[0].transpose(1, 2, 0) * 255).astype(np.uint8)
    if crop.grey:
        pixels = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))
    return pixels


def _png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _plant_broken(out: Path, good: str) -> None:
    content = (out / good).read_bytes()
    write_bytes(out / "train/real/cut-short.png", content[: len(content) // 2])
    write_text(out / "test/fake/not-a-picture.jpg", "This is text, whatever its name says.\n")
