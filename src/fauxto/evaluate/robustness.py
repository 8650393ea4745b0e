"""How verdicts stand up to disturbed images, at the threshold that validation chose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Float32
from PIL import Image

from fauxto.core.progress import Progress, silent
from fauxto.core.records import ModelCard
from fauxto.data.stored import Find, StoredImage, read_image
from fauxto.evaluate.disturbances import DISTURBANCES, STRENGTHS, Disturb
from fauxto.evaluate.predictions import label_numbers
from fauxto.evaluate.scoring import BATCH_SIZE
from fauxto.imaging.decode import Limits, decode_rgb
from fauxto.imaging.preprocess import fit_image, to_input
from fauxto.loading.ahead import map_ahead
from fauxto.metrics.calibration import fake_score
from fauxto.metrics.intervals import number_groups, wilson_interval
from fauxto.metrics.ranking import roc_auc
from fauxto.metrics.summary import WORST_CASE, Disturbance
from fauxto.models.scorer import Scorer

_SEED: Final = 42


def sample_rows(scored: pl.DataFrame, most: int, seed: int = _SEED) -> pl.DataFrame:
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
    find: Find,
    *,
    threshold: float,
    workers: int,
    seed: int = _SEED,
    progress: Progress = silent,
) -> tuple[Disturbance, ...]:
    """Score the sample under every disturbance at every strength.

    The prepared images are disturbed, at the network's input size.

    Args:
        scorer: the model; its temperature is used as it is.
        sample: predictions without error on the undisturbed images.
        find: tells where their pictures are.
        threshold: chosen on undisturbed validation images.
        workers: threads that disturb.
        seed: of noise and chains; each image has its own randomness, the same at every strength.
        progress: told after each batch.

    Returns:
        A row for each disturbance and strength, then one for each strength that takes the worst
        disturbance for each image apart.
    """
    trial = _Trial(scorer, _load(find(sample["path"]), scorer.card, workers), workers, seed)
    fake = label_numbers(sample) == 1
    clean = sample["score"].to_numpy() >= threshold
    groups = len(np.unique(number_groups(sample["group"].to_list())))
    wrong = {strength: np.zeros(len(fake), dtype=bool) for strength in STRENGTHS}
    flipped = {strength: np.zeros(len(fake), dtype=bool) for strength in STRENGTHS}
    rows = []
    for name, disturb in DISTURBANCES.items():
        for strength in STRENGTHS:
            stage = f"{name} {strength}/{STRENGTHS[-1]}"
            scores = trial.score(disturb, strength, partial(progress, stage))
            now_wrong, now_flipped = (scores >= threshold) != fake, (scores >= threshold) != clean
            wrong[strength] |= now_wrong
            flipped[strength] |= now_flipped
            auc = roc_auc(fake.astype(np.int64), scores) if len(set(fake)) == 2 else None
            rows.append(_sum_up(name, strength, now_wrong, now_flipped, groups, auc))
    rows += [
        _sum_up(WORST_CASE, strength, wrong[strength], flipped[strength], groups, None)
        for strength in STRENGTHS
    ]
    return tuple(rows)


def _load(images: Sequence[StoredImage], card: ModelCard, workers: int) -> list[Image.Image]:
    limits = Limits()

    def load(image: StoredImage) -> Image.Image:
        return fit_image(decode_rgb(read_image(image, limits), limits).rgb, card.preprocess)

    return list(map_ahead(load, images, workers=workers, ahead=64))


@dataclass(frozen=True)
class _Trial:
    """Pictures that are decoded once and disturbed many times."""

    scorer: Scorer
    pictures: list[Image.Image]
    workers: int
    seed: int

    def score(
        self, disturb: Disturb, strength: int, progress: Callable[[int, int], None]
    ) -> Float[np.ndarray, " n"]:
        card, count = self.scorer.card, len(self.pictures)

        def make_input(index: int) -> Float32[np.ndarray, "3 h w"]:
            rng = np.random.default_rng([self.seed, index])
            return to_input(disturb(self.pictures[index], strength, rng), card.preprocess)

        inputs = map_ahead(
            make_input, range(count), workers=self.workers, ahead=BATCH_SIZE + self.workers
        )
        logits: list[Float32[np.ndarray, "b 2"]] = []
        for start in range(0, count, BATCH_SIZE):
            logits.append(self.scorer.logits(np.stack(list(islice(inputs, BATCH_SIZE)))))
            progress(min(start + BATCH_SIZE, count), count)
        return fake_score(np.concatenate(logits), card.temperature)


def _sum_up(
    name: str,
    strength: int,
    wrong: Bool[np.ndarray, " n"],
    flipped: Bool[np.ndarray, " n"],
    groups: int,
    auc: float | None,
) -> Disturbance:
    accuracy = float(np.mean(~wrong))
    return Disturbance(
        disturbance=name,
        strength=strength,
        n=len(wrong),
        accuracy=accuracy,
        interval=wilson_interval(accuracy, groups),
        roc_auc=auc,
        flip_rate=float(np.mean(flipped)),
    )


def find_worst(rows: Sequence[Disturbance]) -> Disturbance:
    """Return the single disturbance with the lowest accuracy."""
    single = [row for row in rows if row.disturbance != WORST_CASE]
    return min(single, key=lambda row: (row.accuracy, row.disturbance, row.strength))
