from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fauxto.core.errors import DataError
from fauxto.core.recipe import AugmentRecipe
from fauxto.core.records import Preprocess
from fauxto.data.stored import StoredImage
from fauxto.imaging.preprocess import to_input
from fauxto.loading.epochs import (
    LabelledImages,
    Shard,
    batch_sizes,
    iterate_plain,
    iterate_training,
)

PREPROCESS = Preprocess(size_px=16)
FLIP = AugmentRecipe(horizontal_flip=0.5)


@pytest.fixture
def images(tmp_path):
    stored = []
    for number in range(9):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        stored.append(StoredImage(path.name, str(path)))
    return LabelledImages(tuple(stored), np.arange(9, dtype=np.int64) % 2)


def epoch(images, *, seed=1, epoch=1, batch_size=4, workers=2, augment=FLIP):
    return list(
        iterate_training(
            images, PREPROCESS, augment,
            batch_size=batch_size, seed=seed, epoch=epoch, workers=workers,
        )
    )  # fmt: skip


def order(batches):
    return [image.path.removesuffix(".png") for batch in batches for image in batch.images]


def test_every_image_comes_once_with_its_label(images):
    batches = epoch(images)
    assert sorted(order(batches)) == [str(number) for number in range(9)]
    labels = np.concatenate([batch.labels for batch in batches])
    assert labels.tolist() == [int(stem) % 2 for stem in order(batches)]
    assert [len(batch.images) for batch in batches] == [4, 5]


def test_epoch_follows_from_seed_and_number_not_from_workers(images):
    first, again = epoch(images, workers=1), epoch(images, workers=3)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
        assert one.images == two.images


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 2}])
def test_other_epoch_or_seed_has_another_order(images, other):
    assert order(epoch(images)) != order(epoch(images, **other))


def test_flips_differ_between_epochs(images):
    def flipped(number):
        batches = epoch(images, epoch=number, batch_size=9)
        (batch,) = batches
        result = {}
        for stored, found in zip(batch.images, batch.inputs, strict=True):
            with Image.open(stored.address) as image:
                result[stored.path] = not np.array_equal(found, to_input(image, PREPROCESS))
        return result

    assert len({tuple(sorted(flipped(number).items())) for number in range(1, 5)}) > 1


def test_plain_images_are_never_changed_and_keep_their_order(images):
    batches = list(iterate_plain(images, PREPROCESS, batch_size=4, workers=2))
    assert order(batches) == [str(number) for number in range(9)]
    inputs = np.concatenate([batch.inputs for batch in batches])
    for stored, found in zip(images.images, inputs, strict=True):
        with Image.open(stored.address) as image:
            np.testing.assert_array_equal(found, to_input(image, PREPROCESS))


def shares(images, world, **options):
    return [
        list(
            iterate_training(
                images, PREPROCESS, FLIP, batch_size=4, seed=1, epoch=1, workers=2,
                shard=Shard(rank, world), **options,
            )
        )
        for rank in range(world)
    ]  # fmt: skip


@pytest.mark.parametrize("world", [2, 3, 8])
def test_processes_share_the_very_batches_of_one_process(images, world):
    parts = shares(images, world)
    for number, whole in enumerate(epoch(images)):
        found = [part[number] for part in parts]
        counted = [batch for batch in found if batch.counts]
        assert sorted(order(counted)) == sorted(order([whole]))
        for batch in found:
            assert len(batch.images) > 0
            np.testing.assert_array_equal(batch.batch_labels, whole.labels)
            for image, one in zip(batch.images, batch.inputs, strict=True):
                np.testing.assert_array_equal(one, whole.inputs[whole.images.index(image)])


@pytest.mark.parametrize("world", [2, 8, 12])
def test_processes_validate_every_image_once(images, world):
    batches = [
        batch
        for rank in range(world)
        for batch in iterate_plain(
            images, PREPROCESS, batch_size=4, workers=1, shard=Shard(rank, world)
        )
    ]
    assert sorted(order(batches)) == [str(number) for number in range(9)]


def test_channels_lie_last_in_memory(images):
    for batch in epoch(images):
        assert batch.inputs.transpose(0, 2, 3, 1).flags.c_contiguous


def test_a_vanished_picture_is_named(images):
    Path(images.images[3].address).unlink()
    with pytest.raises(DataError, match=r"3\.png.*prepare it again"):
        epoch(images)


@pytest.mark.parametrize("images_", range(1, 30))
@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_batch_sizes_cover_all_and_leave_no_single_image(images_, batch_size):
    sizes = batch_sizes(images_, batch_size)
    assert sum(sizes) == images_
    if batch_size > 1 and images_ > 1:
        assert min(sizes) > 1
    assert max(sizes) <= batch_size + 1
