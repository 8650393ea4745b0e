"""Train the demo's encoder-decoder and write it as ONNX.

    python scripts/train_reconstructor.py --images DIR --out src/fauxto/pipeline/reconstructor.onnx

DIR is searched for photographs. The network passes a picture through a narrow middle and scales it
up again with transposed convolutions, whose traces the demo's fakes then carry while their subjects
stay those of the real pictures (AutoGAN: Zhang, Karaman and Chang 2019, arXiv:1907.06515).
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from torch import Tensor, nn

from fauxto.export.run import strip_traces

CROP_PX = 96
BATCH = 16
SUFFIXES = {".jpg", ".jpeg", ".png"}


class Reconstructor(nn.Module):
    """RGB in [0, 1] of shape (n, 3, h, w), sides divisible by 4, to the same shape and range."""

    def __init__(self, width: int = 32, middle: int = 12) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, middle, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(middle, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the reconstruction."""
        return self.decoder(self.encoder(pictures - 0.5)).add(0.5).clamp(0, 1)


def load_pictures(folder: Path, limit: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return at most ``limit`` RGB pictures with sides of at least ``CROP_PX``."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    pictures = []
    for index in rng.permutation(len(paths))[:limit]:
        with Image.open(paths[index]) as image:
            if min(image.size) >= CROP_PX:
                pictures.append(np.asarray(image.convert("RGB")))
    return pictures


def draw_batch(pictures: list[np.ndarray], rng: np.random.Generator) -> Tensor:
    """Return random crops in [0, 1], shape (BATCH, 3, CROP_PX, CROP_PX)."""
    crops = []
    for index in rng.integers(len(pictures), size=BATCH):
        picture = pictures[index]
        top = rng.integers(picture.shape[0] - CROP_PX + 1)
        left = rng.integers(picture.shape[1] - CROP_PX + 1)
        crops.append(picture[top : top + CROP_PX, left : left + CROP_PX])
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


def main() -> None:
    """Train and write the file; prints the error as PSNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--pictures", type=int, default=600)
    arguments = parser.parse_args()
    torch.manual_seed(42)
    rng = np.random.default_rng(42)
    pictures = load_pictures(arguments.images, arguments.pictures, rng)
    network = Reconstructor()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=arguments.steps)
    started = time.monotonic()
    errors = []
    for step in range(arguments.steps):
        batch = draw_batch(pictures, rng)
        loss = nn.functional.mse_loss(network(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        errors.append(loss.item())
        if step % 200 == 199:
            psnr = -10 * np.log10(np.mean(errors[-200:]))
            print(f"step {step + 1}: PSNR {psnr:.1f} dB, {time.monotonic() - started:.0f} s")
    network.eval()
    program = torch.onnx.export(
        network,
        (torch.zeros(1, 3, 64, 64),),
        input_names=["pictures"],
        output_names=["reconstructions"],
        dynamic_shapes=({0: torch.export.Dim("n"), 2: 4 * torch.export.Dim("h4", min=2, max=4096),
                         3: 4 * torch.export.Dim("w4", min=2, max=4096)},),
        opset_version=18,
        dynamo=True,
        verbose=False,
    )  # fmt: skip
    model = program.model_proto
    strip_traces(model)
    onnx.save_model(model, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
