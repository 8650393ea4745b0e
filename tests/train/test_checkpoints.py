import resource

import pytest
import torch

from fauxto.core.errors import ArtifactError
from fauxto.train.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fauxto.train.history import EpochResult


def checkpoint(epoch, size=10):
    history = [EpochResult(n, 1e-3, 0.5, 0.75, 0.25 / n, 1.0) for n in range(1, epoch + 1)]
    state = {"weight": torch.full((size,), float(epoch))}
    return Checkpoint(history, state, {"step": epoch}, {}, state, 7 * epoch, 1.5)


def test_what_is_saved_comes_back(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))
    loaded = load_checkpoint(tmp_path)
    assert loaded.history == checkpoint(2).history
    assert loaded.steps == 14
    assert loaded.optimizer == {"step": 2}
    assert torch.equal(loaded.state["weight"], torch.full((10,), 2.0))


def test_only_the_newest_two_are_kept(tmp_path):
    for epoch in (9, 10, 11):
        save_checkpoint(tmp_path, checkpoint(epoch))
    assert [path.name[:10] for path in sorted(tmp_path.iterdir())] == ["epoch-0010", "epoch-0011"]


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "nowhere") is None


def test_all_damaged_is_none_and_told(tmp_path, caplog):
    for epoch in (1, 2):
        save_checkpoint(tmp_path, checkpoint(epoch))
    for path in tmp_path.iterdir():
        path.write_bytes(b"half")
    assert load_checkpoint(tmp_path) is None
    assert caplog.text.count("damaged") == 2
    assert "from the start" in caplog.text


def test_full_disk_is_one_clear_error_and_keeps_the_checkpoint_before(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ArtifactError, match="cannot write"):
            save_checkpoint(tmp_path, checkpoint(2, size=1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_checkpoint(tmp_path).history == checkpoint(1).history
    assert len(list(tmp_path.iterdir())) == 1
