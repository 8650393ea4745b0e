"""Networks whose right explanation is known by construction."""

import pytest
import timm
import torch
from torch import nn

from fauxto.explain.layout import Layout
from fauxto.models.specs import Kind

CORNER_PX = 32
SIDE_PX = 128


class CornerFeatures(nn.Module):
    """Brightness of 8 px squares, blind outside the top left corner."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, kernel_size=8, stride=8)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 192)
            self.conv.bias.zero_()

    def forward(self, inputs):
        features = self.conv(inputs).relu()
        seen = torch.zeros_like(features)
        seen[:, :, : CORNER_PX // 8, : CORNER_PX // 8] = 1
        return features * seen


class CornerCnn(nn.Module):
    """Says fake where the top left corner is bright; reads nothing else."""

    def __init__(self):
        super().__init__()
        self.features = CornerFeatures()
        self.act = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[-1.0] * 4, [1.0] * 4]) * 5)
            self.head.bias.zero_()

    def forward(self, inputs):
        pooled = self.norm(self.act(self.features(inputs))).mean(dim=(2, 3))
        return self.head(self.drop(pooled))


def make_corner_vit(image_size=SIDE_PX):
    """A timm ViT of two blocks with weights set by hand.

    Every token attends to the corner's tokens, which position marks; the first block's MLP lets
    brightness through in the corner only; the class token reads it in the second block.
    """
    vit = timm.create_model(
        "vit_tiny_patch16_224",
        pretrained=False,
        img_size=image_size,
        num_classes=2,
        depth=2,
        embed_dim=16,
        num_heads=2,
    )
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    columns = size[1] // 16
    with torch.no_grad():
        for weight in vit.parameters():
            weight.zero_()
        vit.patch_embed.proj.weight[1] = 1 / 768
        corner = [1 + row * columns + column for row in range(2) for column in range(2)]
        vit.pos_embed[0, corner, 0] = 1
        for block in vit.blocks:
            block.norm1 = nn.Identity()
            block.norm2 = nn.Identity()
            for head in (0, 8):
                block.attn.qkv.bias[head] = 40
                block.attn.qkv.weight[16 + head, 0] = 1
        first, second = vit.blocks
        first.mlp.fc1.weight[0, :2] = torch.tensor([10.0, 1.0])
        first.mlp.fc1.bias[0] = -10
        first.mlp.fc2.weight[2, 0] = 1
        second.attn.qkv.weight[32 + 3, 2] = 1
        second.attn.qkv.weight[32 + 8 + 3, 2] = 1
        second.attn.proj.weight.copy_(torch.eye(16))
        vit.head.weight[1, 3] = 5
        vit.head.weight[1, 11] = 5
    vit.norm = nn.Identity()
    return vit


def make_plain_vit(image_size=64, **changes):
    """A small timm ViT with random weights."""
    options = {"img_size": image_size, "depth": 3, "embed_dim": 24, "num_heads": 3, **changes}
    return timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=2, **options)


VIT_LAYOUT = Layout(
    Kind.VIT, "blocks.1.norm1", patch_px=16, prefix_tokens=1, reads_class_token=True
)
CNN_LAYOUT = Layout(Kind.CNN, "features")


@pytest.fixture(autouse=True)
def _seed_and_one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors: threads only wait for each other
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def corner_cnn():
    return CornerCnn().eval()


@pytest.fixture
def corner_vit():
    return make_corner_vit().eval()


@pytest.fixture
def bright_inputs():
    """Four images, bright everywhere and different."""
    return 0.5 + torch.rand(4, 3, SIDE_PX, SIDE_PX)
