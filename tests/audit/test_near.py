import numpy as np
import polars as pl
import pytest

from fauxto.audit import near
from fauxto.audit.duplicates import find_duplicates
from fauxto.audit.near import Blocks, Search
from fauxto.audit.near_pairs import (
    Looks,
    connect,
    connect_all,
    find_near_pairs,
    find_near_pairs_between,
)
from fauxto.core.choices import EngineName
from fauxto.core.errors import ArtifactError
from fauxto.engine.part import Engine

N = 300


@pytest.fixture
def in_process(monkeypatch):
    """Compare without starting processes: they take seconds to start."""
    monkeypatch.setattr(
        near, "spread", lambda function, count, *_, **__: map(function, range(count))
    )


def flip(value, bits):
    return np.uint64(int(value) ^ sum(1 << int(bit) for bit in bits))


@pytest.fixture(scope="module")
def world():
    """Return pictures of which a third are near copies of others, some of them mirrored."""
    rng = np.random.default_rng(3)
    hashes, mirrored = rng.integers(0, 2**64, (2, N), dtype=np.uint64)
    thumbnails = rng.integers(0, 256, (N, 16, 16), dtype=np.uint8)
    for row, other in zip(rng.permutation(N)[:100], rng.integers(0, N, 100), strict=True):
        bits = rng.choice(64, rng.integers(0, 11), replace=False)
        if row % 3:
            hashes[row], mirrored[row] = flip(hashes[other], bits), flip(mirrored[other], bits)
            thumbnails[row] = thumbnails[other]
        else:
            hashes[row], mirrored[row] = flip(mirrored[other], bits), flip(hashes[other], bits)
            thumbnails[row] = thumbnails[other][:, ::-1]
    return Looks(hashes, mirrored, thumbnails)


def as_set(pairs, first=0, second=0):
    return {
        (int(i) + first, int(j) + second, bool(flipped), int(distance))
        for i, j, flipped, distance in zip(
            pairs.first, pairs.second, pairs.mirrored, pairs.distance, strict=True
        )
    }


@pytest.mark.parametrize("cut", [1, 57, 150, 299])
def test_pairs_inside_and_between_two_parts_are_those_of_the_whole(world, cut):
    left, right = world[:cut], world[cut:]
    whole = as_set(find_near_pairs(world.hashes, world.mirrored, world.thumbnails))
    assert {flipped for _, _, flipped, _ in whole} == {True, False}
    inside = as_set(find_near_pairs(left.hashes, left.mirrored, left.thumbnails))
    inside |= as_set(find_near_pairs(right.hashes, right.mirrored, right.thumbnails), cut, cut)
    between = as_set(find_near_pairs_between(left, right), 0, cut)
    assert inside | between == whole
    assert not inside & between


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_links_that_come_in_batches_connect_as_all_at_once(batch):
    rng = np.random.default_rng(1)
    links = rng.integers(0, 400, (260, 2))
    batches = [links[start : start + batch] for start in range(0, len(links), batch)]
    assert connect_all(400, batches).tolist() == connect(400, *links.T).tolist()
    assert connect_all(3, []).tolist() == [0, 1, 2]


def compare(world, folder, engine, rows):
    """Return groups and the number of mirrored pairs, by blocks."""
    parts = (world[start : start + 41] for start in range(0, N, 41))
    found = list(near.search_near(parts, folder and Search(str(folder), engine, block_rows=rows)))
    links = [one.links for one in found]
    return connect_all(N, links).tolist(), sum(one.mirrored for one in found)


def test_groups_by_blocks_in_two_processes_are_those_of_all_at_once(world, tmp_path):
    engine = Engine(workers=2)
    assert compare(world, tmp_path, engine, 100) == compare(world, None, engine, 100)


@pytest.mark.parametrize("rows", [32, 100, 299, 300])
def test_groups_by_blocks_are_those_of_all_at_once(world, tmp_path, rows, in_process):
    engine = Engine(workers=2)
    assert compare(world, tmp_path, engine, rows) == compare(world, None, engine, rows)
    count = -(-N // rows)
    written = len(list(tmp_path.glob("links-*")))
    assert written == (count * (count + 1) // 2 if count > 1 else 0)


def test_what_was_compared_is_not_compared_again(world, tmp_path, in_process):
    engine = Engine(workers=1)
    expected = compare(world, tmp_path, engine, 100)
    (tmp_path / "links-000000002.parquet").unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert compare(world, tmp_path, engine, 100) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "links-000000002.parquet").exists()


def test_progress_counts_comparisons(world, tmp_path, in_process):
    told = []
    search = Search(str(tmp_path), Engine(workers=1), lambda *facts: told.append(facts), 100)
    assert sum(len(one.links) for one in near.search_near(iter([world]), search)) > 90
    assert told == [("near duplicates", done, 6) for done in range(7)]


def test_no_pictures_have_no_near_copies(world, tmp_path):
    search = Search(str(tmp_path), Engine(workers=1))
    for how in (None, search):
        assert list(near.search_near(iter([]), how)) == []
        assert list(near.search_near(iter([world[:0]]), how)) == []
    assert list(tmp_path.iterdir()) == []


def test_every_two_blocks_are_compared_once():
    blocks = Blocks("", 9, 1)
    pairs = [near.unrank(number) for number in range(blocks.comparisons)]
    assert pairs[:4] == [(0, 0), (0, 1), (1, 1), (0, 2)]
    assert sorted(pairs) == [(i, j) for i in range(9) for j in range(i, 9)]


def test_a_block_that_was_lost_is_one_error(world, tmp_path):
    blocks = Blocks(str(tmp_path), 2, 150)
    blocks.write(0, world[:150])
    with pytest.raises(ArtifactError, match=r"block-00001\.parquet does not exist"):
        blocks(1)


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_findings_by_blocks_are_those_of_all_at_once(
    make_tables, tmp_path, where, request, in_process
):
    images, thumbnails = make_tables(60)
    hashes, thumbs = images["phash"].to_list(), thumbnails["thumb16"].to_list()
    for row in range(0, 20, 2):
        hashes[row + 30], thumbs[row + 30] = hashes[row] ^ 0b1011, thumbs[row]
    images = images.with_columns(phash=np.array(hashes, dtype=np.uint64))
    thumbnails = thumbnails.with_columns(thumb16=pl.Series(thumbs, dtype=pl.Binary))
    folder = str(tmp_path) if where == "disk" else f"{request.getfixturevalue('s3')}/near"
    search = Search(folder, Engine(workers=2), block_rows=17)
    expected = find_duplicates(images, thumbnails)
    found = find_duplicates(images, thumbnails, search)
    assert found.groups.equals(expected.groups)
    assert found.findings == expected.findings
    assert {finding.kind for finding in found.findings} >= {"duplicates.near"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_groups_on_ray_are_those_made_here(world, tmp_path):
    pytest.importorskip("ray")
    engine = Engine(EngineName.RAY, 2)
    assert compare(world, tmp_path, engine, 60) == compare(world, None, engine, 60)
