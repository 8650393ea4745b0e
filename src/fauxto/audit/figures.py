"""The plots of the page, drawn in a process beside the checks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fauxto.core.errors import ImageStatus

_COLUMNS = ("path", "label", "split", "status", "width", "height")


@dataclass(frozen=True)
class FigureJob:
    """What the plots are drawn from.

    Attributes:
        tables: Parquet files with the rows of ``images.parquet``, in order.
        root: folder that the paths start from, for the power spectra.
        seed: draws pictures and points.
    """

    tables: tuple[Path, ...]
    root: Path
    seed: int = 42


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
    spectra = sample_spectra(usable, job.root, rng)
    if spectra is not None:
        figures["spectra"] = audit_figures.power_spectra(spectra)
        figures["radial"] = audit_figures.radial_spectra(spectra)
    return figures
