"""What a run was made with: versions and platform."""

import platform
from importlib import metadata
from typing import Final

from fauxto.core.records import Environment

SHAPING_PACKAGES: Final = (
    "fauxto", "numpy", "pillow", "polars", "scikit-learn", "onnxruntime", "torch", "torchvision",
    "timm", "captum",
)  # fmt: skip


def describe_environment(device: str = "cpu") -> Environment:
    """Return versions of Python and of the installed packages that shape numbers."""
    versions = {}
    for package in SHAPING_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        device=device,
        packages=versions,
    )
