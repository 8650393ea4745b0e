import pytest
from pydantic import ValidationError

from fauxto.core.labels import FOLDER_LABELS, LABELS, Label
from fauxto.core.records import Preprocess


def test_fake_is_the_positive_class():
    assert Label.FAKE.number == 1
    assert Label.REAL.number == 0
    assert [label.number for label in LABELS] == [0, 1]


def test_folder_names_are_lower_case_and_cover_both_labels():
    assert all(name == name.lower() for name in FOLDER_LABELS)
    assert set(FOLDER_LABELS.values()) == {Label.REAL, Label.FAKE}


def test_preprocess_hash_changes_with_every_field():
    base = Preprocess()
    others = [
        Preprocess(size_px=256),
        Preprocess(fit="crop"),
        Preprocess(resample="fast"),
        Preprocess(mean=(0.5, 0.5, 0.5)),
        Preprocess(std=(0.5, 0.5, 0.5)),
    ]
    assert len({base.hash, *(other.hash for other in others)}) == 6
    assert base.hash == Preprocess().hash


def test_records_are_frozen_and_refuse_unknown_keys():
    with pytest.raises(ValidationError):
        Preprocess(sise_px=224)
    with pytest.raises(ValidationError):
        Preprocess().size_px = 3
