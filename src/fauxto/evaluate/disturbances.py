"""What happens to pictures on their way through the world, at five strengths."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from fauxto.imaging.reencode import encode_again

STRENGTHS: Final = (1, 2, 3, 4, 5)
"""From hardly visible to strong."""

Disturb = Callable[[Image.Image, int, np.random.Generator], Image.Image]
"""Takes an RGB image, a strength and randomness; returns an RGB image of the same size."""

QUALITIES: Final = (90, 75, 60, 40, 20)
"""Of the JPEG or WebP encoder, from 1 to 100."""

DOWNSCALES: Final = (0.9, 0.75, 0.6, 0.45, 0.3)
"""Side of the smaller image that is then enlarged again, as a share of the side."""

UPSCALES: Final = (1.25, 1.5, 2.0, 3.0, 4.0)
"""Side of the larger image that is then reduced again, as a share of the side."""

BLUR_RADII_PX: Final = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Standard deviation of the Gaussian blur in pixels."""

NOISE_LEVELS: Final = (2.0, 5.0, 10.0, 15.0, 25.0)
"""Standard deviation of the Gaussian noise, of 255."""

KEPT_SHARES: Final = (0.95, 0.9, 0.8, 0.7, 0.6)
"""Side of the central crop as a share of the side; the crop is enlarged to the old size."""

GAINS: Final = (1.1, 1.25, 1.4, 1.6, 2.0)
"""Factor of brightness, or its inverse for darkness and less contrast."""

CHAIN_LENGTHS: Final = (2, 2, 3, 3, 4)
"""Disturbances that a chain puts one after another, each at a strength up to the chain's."""

UPLOADS: Final = (
    ("downscale", "JPEG"),
    ("downscale", "WebP"),
    ("crop", "downscale", "JPEG"),
    ("screenshot", "downscale", "JPEG"),
    ("crop", "screenshot", "downscale", "JPEG"),
)
"""What a social network does to an upload, by strength: it scales down and encodes; from the third
on the user has cropped the picture, or shares a screenshot of it."""


def _jpeg(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return encode_again(image, "JPEG", QUALITIES[strength - 1])


def _webp(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return encode_again(image, "WEBP", QUALITIES[strength - 1])


def _there_and_back(image: Image.Image, share: float) -> Image.Image:
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    bicubic = Image.Resampling.BICUBIC
    return image.resize(size, bicubic).resize(image.size, bicubic)


def _downscale(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return _there_and_back(image, DOWNSCALES[strength - 1])


def _upscale(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return _there_and_back(image, UPSCALES[strength - 1])


def _blur(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return image.filter(ImageFilter.GaussianBlur(BLUR_RADII_PX[strength - 1]))


def _noise(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    noisy = pixels + rng.normal(0, NOISE_LEVELS[strength - 1], pixels.shape)
    return Image.fromarray(np.clip(np.round(noisy), 0, 255).astype(np.uint8))


def _crop(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    share = KEPT_SHARES[strength - 1]
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    cut = image.crop((left, top, left + width, top + height))
    return cut.resize(image.size, Image.Resampling.BICUBIC)


def _brighter(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return ImageEnhance.Brightness(image).enhance(GAINS[strength - 1])


def _darker(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return ImageEnhance.Brightness(image).enhance(1 / GAINS[strength - 1])


def _less_contrast(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return ImageEnhance.Contrast(image).enhance(1 / GAINS[strength - 1])


def _screenshot(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:
    """Show at an odd scale, take the screen's pixels, encode, and scale back."""
    span = 0.08 * strength
    share = 1 + rng.uniform(span / 2, span) * rng.choice((-1, 1))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    shown = image.resize(size, Image.Resampling.BILINEAR)
    return encode_again(shown, "JPEG", QUALITIES[strength - 1]).resize(
        image.size, Image.Resampling.BICUBIC
    )


SINGLE: Final[Mapping[str, Disturb]] = {
    "JPEG": _jpeg,
    "WebP": _webp,
    "downscale": _downscale,
    "upscale": _upscale,
    "blur": _blur,
    "noise": _noise,
    "crop": _crop,
    "brighter": _brighter,
    "darker": _darker,
    "less contrast": _less_contrast,
    "screenshot": _screenshot,
}
"""Disturbances by the name that pages show."""


def _chain(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:
    names = list(SINGLE)
    for index in rng.choice(len(names), CHAIN_LENGTHS[strength - 1], replace=False):
        image = SINGLE[names[index]](image, int(rng.integers(1, strength + 1)), rng)
    return encode_again(image, "JPEG", QUALITIES[0])


def _upload(image: Image.Image, strength: int, rng: np.random.Generator) -> Image.Image:
    for name in UPLOADS[strength - 1]:
        image = SINGLE[name](image, strength, rng)
    return image


DISTURBANCES: Final[Mapping[str, Disturb]] = {
    **SINGLE,
    "social network": _upload,
    "random chain": _chain,
}
"""All of them: single ones, the chain of an upload, and chains of 2 to 4 drawn for each image."""
