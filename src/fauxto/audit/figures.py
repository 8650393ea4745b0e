"""The plots of the page, drawn in a process beside the checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from fauxto.core.errors import ImageStatus
from fauxto.data.stored import StoredImage

_COLUMNS = ("path", "label", "split", "status", "width", "height")


@dataclass(frozen=True)
class FigureJob:
    """What the plots are drawn from.

    Attributes:
        tables: Parquet files with the rows of ``images.parquet``, in order.
        listings: Parquet files that say where each path's bytes are, for the power spectra.
        seed: draws pictures and points.
    """

    tables: tuple[Path, ...]
    listings: tuple[str, ...] = ()
    seed: int = 42


def _find(listings: tuple[str, ...], paths: Sequence[str]) -> list[StoredImage]:
    """Return where the bytes of some pictures are, in the order of the paths."""
    if not listings:
        return []
    wanted = pl.scan_parquet(list(listings)).filter(pl.col("path").is_in(list(paths)))
    found = {row["path"]: StoredImage(**row) for row in wanted.collect().iter_rows(named=True)}
    return [found[path] for path in paths if path in found]


def draw_figures(job: FigureJob) -> dict[str, str]:
    """Return the plots of the page as SVG, by name; none where no image is usable."""
    # Only the process that draws pays for the plotting library.
    from fauxto.audit.spectra import sample_spectra  # noqa: PLC0415
    from fauxto.report import audit_figures  # noqa: PLC0415

    is_usable = pl.col("status") == ImageStatus.OK.value
    usable = pl.scan_parquet(list(job.tables)).select(_COLUMNS).filter(is_usable).collect()
    if usable.is_empty():
        return {}
    rng = np.random.default_rng(job.seed)
    figures = {
        "counts": audit_figures.class_counts(usable),
        "sizes": audit_figures.size_histograms(usable),
        "aspect": audit_figures.aspect_histogram(usable),
        "scatter": audit_figures.size_scatter(usable, rng),
    }
    spectra = sample_spectra(usable, partial(_find, job.listings), rng)
    if spectra is not None:
        figures["spectra"] = audit_figures.power_spectra(spectra)
        figures["radial"] = audit_figures.radial_spectra(spectra)
    return figures
