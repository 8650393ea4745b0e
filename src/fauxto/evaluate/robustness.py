"""How verdicts stand up to disturbed images, at the threshold that validation chose."""

import io
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from PIL import Image

from fauxto.core.progress import Progress, silent
from fauxto.evaluate.disturbances import DISTURBANCES, STRENGTHS, Disturb
from fauxto.evaluate.predictions import label_numbers
from fauxto.evaluate.scoring import score_images
from fauxto.imaging.decode import Limits, decode_rgb, read_bytes
from fauxto.imaging.preprocess import fit_image
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.labels import has_both_classes
from fauxto.metrics.ranking import roc_auc
from fauxto.metrics.summary import Disturbance
from fauxto.models.scorer import Scorer


def sample_rows(scored: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """Return at most ``most`` predictions, half of each class where there are enough.

    Args:
        scored: predictions without error.
        most: images in all.
        seed: of the choice, which depends on paths and not on the order of rows.
    """
    rng = np.random.default_rng(seed)
    parts = [part.sort("path") for _, part in sorted(scored.group_by("label"), key=lambda p: p[0])]
    chosen = []
    left = most
    for position, part in enumerate(sorted(parts, key=len)):
        take = min(len(part), left // (len(parts) - position))
        left -= take
        chosen.append(part[np.sort(rng.choice(len(part), take, replace=False))])
    return pl.concat(chosen).sort("path")


def measure_robustness(
    scorer: Scorer,
    sample: pl.DataFrame,
    root: Path,
    *,
    workers: int,
    seed: int = 42,
    progress: Progress = silent,
) -> tuple[Disturbance, ...]:
    """Score the sample under every disturbance at every strength.

    The prepared images are disturbed, at the network's input size.

    Args:
        scorer: the model; its threshold and temperature are used as they are.
        sample: predictions without error on the undisturbed images.
        root: folder that their paths are relative to.
        workers: threads that decode.
        seed: of noise and chains; each image has its own randomness, the same at every strength.
        progress: told after each batch.
    """
    limits, card = Limits(), scorer.card
    pictures = [
        fit_image(decode_rgb(read_bytes(root / path, limits), limits).rgb, card.preprocess)
        for path in sample["path"]
    ]
    labels = label_numbers(sample)
    clean = sample["score"].to_numpy() >= card.threshold
    rows = []
    for name, disturb in DISTURBANCES.items():
        for strength in STRENGTHS:
            contents = [
                _encode_disturbed(picture, disturb, strength, np.random.default_rng([seed, index]))
                for index, picture in enumerate(pictures)
            ]
            stage = f"{name} {strength}/{STRENGTHS[-1]}"
            logits = score_images(scorer, contents, workers=workers, progress=progress, stage=stage)
            scores = fake_score(logits.values, card.temperature)
            rows.append(_sum_up((name, strength), labels, scores, clean, card.threshold))
    return tuple(rows)


def _encode_disturbed(
    picture: Image.Image, disturb: Disturb, strength: int, rng: np.random.Generator
) -> bytes:
    buffer = io.BytesIO()
    disturb(picture, strength, rng).save(buffer, "BMP")  # lossless and quick
    return buffer.getvalue()


def _sum_up(
    disturbance: tuple[str, int],
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    clean_called_fake: Bool[np.ndarray, " n"],
    threshold: float,
) -> Disturbance:
    called_fake = scores >= threshold
    name, strength = disturbance
    return Disturbance(
        disturbance=name,
        strength=strength,
        n=len(labels),
        accuracy=float(np.mean(called_fake == (labels == 1))),
        roc_auc=roc_auc(labels, scores) if has_both_classes(labels) else None,
        flip_rate=float(np.mean(called_fake != clean_called_fake)),
    )
