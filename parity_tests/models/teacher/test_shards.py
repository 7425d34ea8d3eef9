"""Shards: the same bytes however they come about, kills, cuts, full disks, two processes; read back by WebDataset and by us."""

import errno
import gc
import io
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.data import shards as shards_module
from models.data.pairs import PairShards
from models.data.photo_source import open_photos
from models.data.shards import Sample, ShardIndex, fault, pack, part_path, reserved, shard_path, unpack, write_shard
from models.teacher.generate import sample_seed
from models.training.batches import make_batch
from models.training.config import TrainConfig
from parity_tests.support import generate_driver as driver
from parity_tests.support.generate_driver import contents, make, write_photos
from parity_tests.support.train_tiny import register

ROOT = Path(__file__).parents[3]
COUNT, PER_SHARD = 22, 4


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """The shards of one uninterrupted process."""
    out = tmp_path_factory.mktemp("whole") / "shards"
    make(photos, out, COUNT, PER_SHARD)
    return out


def start(photos, out, pause, **environment):
    words = [sys.executable, "-m", "parity_tests.support.generate_driver", *map(str, (photos, out, COUNT, PER_SHARD, pause))]
    return subprocess.Popen(words, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}, stderr=subprocess.PIPE)


# WebDataset leaves the last file of a list to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_webdataset_reads_what_was_made(whole, photos):
    import webdataset

    index = ShardIndex.read(whole)
    assert [path.name for path in sorted(whole.glob("*.tar"))] == [f"shard-{s:06d}.tar" for s in range(index.shards)]
    urls = [str(shard_path(whole, s)) for s in range(index.shards)]
    found = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    gc.collect()
    assert [one["__key__"] for one in found] == [f"{i:09d}" for i in range(COUNT)]
    for i, one in enumerate(found):
        photo, hole, filled = one["photo.png"], one["mask.png"][..., 0] > 0, one["completion.png"]
        assert photo.shape == (32, 32, 3)
        assert 0 < hole.mean() < 1
        assert np.array_equal(photo[~hole], filled[~hole])
        assert not np.array_equal(photo[hole], filled[hole])
        facts = one["json"]
        assert facts["index"] == i
        assert facts["seed"] == sample_seed(7, i)
        assert facts["sampler"] == "noise"
        assert (photos / facts["photo"]).is_file()
        assert facts["photo"] != "3.png"
    assert len({one["json"]["photo_sha256"] for one in found}) > 3


def test_the_same_bytes_alone_and_again(photos, whole, tmp_path):
    make(photos, tmp_path / "again", COUNT, PER_SHARD)
    assert contents(tmp_path / "again") == contents(whole)
    make(photos, tmp_path / "one", COUNT, PER_SHARD, only=[4])
    assert shard_path(tmp_path / "one", 4).read_bytes() == shard_path(whole, 4).read_bytes()
    assert len(list((tmp_path / "one").glob("*.tar"))) == 1


def test_two_processes_give_the_shards_of_one(photos, whole, tmp_path):
    out = tmp_path / "two"
    children = [start(photos, out, 0.0, RANK=str(rank), WORLD_SIZE="2") for rank in range(2)]
    for child in children:
        error = child.communicate(timeout=120)[1]
        assert child.returncode == 0, error
    assert contents(out) == contents(whole)


@pytest.mark.thorough
def test_twenty_kills(photos, whole, tmp_path):
    """After each, what is there under a final name is whole; in the end the bytes are those of an uninterrupted run."""
    out, rng = tmp_path / "killed", np.random.default_rng(0)
    expected, seen = contents(whole), set()
    for _ in range(20):
        child = start(photos, out, 0.02)
        time.sleep(float(rng.uniform(1.0, 2.2)))  # the first second is Python's
        child.kill()
        child.wait()
        if child.stderr:
            child.stderr.close()
        for name, content in contents(out).items() if out.is_dir() else ():
            assert content == expected[name], name
        seen.add(len(list(out.glob("*.tar"))) if out.is_dir() else 0)
    make(photos, out, COUNT, PER_SHARD)
    assert contents(out) == expected
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("harm", ["cut", "flipped", "no hash", "gone", "other samples"])
def test_a_broken_shard_is_found_and_remade(photos, whole, tmp_path, harm):
    out = tmp_path / "broken"
    make(photos, out, COUNT, PER_SHARD)
    path = shard_path(out, 2)
    content = path.read_bytes()
    if harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flipped":
        path.write_bytes(content[:700] + bytes([content[700] ^ 1]) + content[701:])
    elif harm == "no hash":
        path.with_suffix(".json").unlink()
    elif harm == "gone":
        path.unlink()
    else:
        path.with_suffix(".json").write_text(json.dumps({"sha256": "", "bytes": 0, "samples": 3}))
    with pytest.raises(ValueError, match="shard-000002"):
        PairShards.open(out)
    made = make(photos, out, COUNT, PER_SHARD)
    assert made.made == [2]
    assert made.remade == ([] if harm == "gone" else [2])
    assert contents(out) == contents(whole)


def test_two_processes_with_the_same_shard(photos, tmp_path):
    out = tmp_path / "held"
    make(photos, out, COUNT, PER_SHARD, only=[0])
    with reserved(out, 1), pytest.raises(ValueError, match="another process is making this shard"):
        make(photos, out, COUNT, PER_SHARD)
    assert make(photos, out, COUNT, PER_SHARD).found == [0]


def test_a_kill_just_after_a_shard_was_finished(photos, whole, tmp_path):
    """The shard is whole, so nobody makes it again; its batches and its lock go all the same."""
    out = tmp_path / "finished"
    make(photos, out, COUNT, PER_SHARD)
    part_path(out, 1, 0).write_bytes(b"a batch")
    (out / ".shard-000001.lock").touch()
    assert make(photos, out, COUNT, PER_SHARD).made == []
    assert contents(out) == contents(whole)
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_a_full_disk(photos, tmp_path):
    out = tmp_path / "full"
    make(photos, out, COUNT, PER_SHARD, only=[0])
    before = contents(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OSError, match="shard-000001") as caught:
            make(photos, out, COUNT, PER_SHARD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert contents(out) == before
    make(photos, out, COUNT, PER_SHARD)


@pytest.mark.parametrize("harm", [None, "cut"])
def test_a_stop_costs_one_batch(photos, whole, tmp_path, monkeypatch, harm):
    """Ctrl-C in the second batch of the second shard: the first batch is not made again, unless its file was damaged."""
    out, made = tmp_path / "stopped", []
    inner = driver.filler

    def counting(pause):
        fill = inner(pause)

        def count(photos, holes, seeds):
            made.append(len(seeds))
            if len(made) == 4 and stopping:
                raise KeyboardInterrupt
            return fill(photos, holes, seeds)

        return count

    monkeypatch.setattr(driver, "filler", counting)
    stopping = True
    with pytest.raises(KeyboardInterrupt):
        make(photos, out, COUNT, PER_SHARD)
    assert made == [3, 1, 3, 1]  # batches of 3 in shards of 4
    stopping = False
    made.clear()
    if harm:
        part = part_path(out, 1, 0)
        part.write_bytes(part.read_bytes()[:3000])
    make(photos, out, COUNT, PER_SHARD, only=[1])
    assert made == ([3, 1] if harm else [1])
    assert shard_path(out, 1).read_bytes() == shard_path(whole, 1).read_bytes()
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_other_settings_are_refused(photos, whole):
    with pytest.raises(ValueError, match="per-shard 4, not 5"):
        make(photos, whole, COUNT, 5)
    with pytest.raises(ValueError, match="count 22, not 21"):
        make(photos, whole, COUNT - 1, PER_SHARD)


@settings(max_examples=15, deadline=None)
@given(size=st.sampled_from([16, 24, 32]), count=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_what_is_packed_is_read_back(tmp_path_factory, size, count, seed):
    folder, rng = tmp_path_factory.mktemp("packed"), np.random.default_rng(seed)
    samples = [
        Sample(
            i,
            rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
            rng.random((size, size)) < 0.3,
            rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
            {"seed": i},
        )
        for i in range(count)
    ]
    (folder / "index.json").write_text(ShardIndex(count, count, size, {}).to_json())
    write_shard(folder, 0, samples)
    assert fault(folder, 0, count) is None
    assert pack(samples) == shard_path(folder, 0).read_bytes()
    assert pack(unpack(pack(samples))) == pack(samples)
    for budget in (1.0, 1e-12):  # in memory, and from the file
        shards = PairShards.open(folder, memory_gb=budget)
        for sample in samples:
            pair = shards.get(sample.index)
            assert np.array_equal(pair.photo, sample.photo)
            assert np.array_equal(pair.hole, sample.hole)
            assert np.array_equal(pair.completion, sample.completion)
    if size == 32:
        half = shards.get(0, 16)
        means = samples[0].photo.reshape(16, 2, 16, 2, 3).mean((1, 3))
        assert np.abs(half.photo - means).max() <= 0.5
        double = shards.get(0, 64)
        assert np.array_equal(
            double.photo, np.asarray(Image.fromarray(samples[0].photo).resize((64, 64), Image.Resampling.BICUBIC))
        )
        assert np.array_equal(double.hole, samples[0].hole.repeat(2, 0).repeat(2, 1))
        assert np.array_equal(half.hole, samples[0].hole.reshape(16, 2, 16, 2).any((1, 3)))


def test_the_reader_is_fast_enough(photos, tmp_path):
    """At least 500 samples/s at 64x64, photo, mask and completion decoded, on one core."""
    rng = np.random.default_rng(0)
    image = np.asarray(Image.open(photos / "1.png").convert("RGB").resize((64, 64)))
    noisy = np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)
    hole = np.zeros((64, 64), dtype=bool)
    hole[10:40, 20:50] = True
    (tmp_path / "index.json").write_text(ShardIndex(64, 64, 64, {}).to_json())
    write_shard(tmp_path, 0, [Sample(i, noisy, hole, noisy, {}) for i in range(64)])
    shards = PairShards.open(tmp_path)
    best = 0.0
    for _ in range(3):  # by this thread's own time: a busy machine has it wait
        began = time.thread_time()
        for _ in range(300):
            shards.draw(64, rng)
        best = max(best, 300 / (time.thread_time() - began))
    print(f"{best:.0f} samples/s")
    assert best >= 500


def test_pairs_are_mixed_into_batches(photos, whole, monkeypatch):
    """The share is kept, photos of a share of 0 are those without pairs, and a sample does not depend on its batch."""
    register(monkeypatch.setitem)
    shards = PairShards.open(whole)
    cache = open_photos(sorted(photos.glob("*.png")), 32)
    plain = TrainConfig(spec="tiny", stages=((0, 32, 64),))
    completions = {shards.get(i).completion.tobytes() for i in range(COUNT)}

    def taken(share):
        batch = make_batch(cache, TrainConfig(spec="tiny", stages=((0, 32, 64),), pairs_share=share), 5, pairs=shards)
        return batch, [one.permute(1, 2, 0).numpy().tobytes() in completions for one in batch.photos]

    without = make_batch(cache, plain, 5)
    none, flags = taken(0.0)
    assert not any(flags)
    assert bool((none.photos == without.photos).all())
    assert bool((none.holes == without.holes).all())
    half, flags = taken(0.5)
    assert 20 <= sum(flags) <= 44
    kept = [i for i, flag in enumerate(flags) if not flag]
    assert bool((half.photos[kept] == without.photos[kept]).all())
    part = make_batch(cache, plain, 5, [3, 9], shards)
    assert bool((part.photos == half.photos[[3, 9]]).all())
    assert all(taken(1.0)[1])


def test_a_size_that_halving_does_not_give(whole):
    shards = PairShards.open(whole)
    shards.require_size(16)
    with pytest.raises(ValueError, match="allowed: 16, 32, 64, 128"):
        shards.require_size(48)
    with pytest.raises(ValueError, match="no such folder"):
        PairShards.open(whole / "nothing")
    with pytest.raises(ValueError, match=r"no index\.json"):
        PairShards.open(ROOT / "docs")
    assert shards_module.PARTS[-1] == "json"


def test_png_of_a_mask_is_black_and_white(whole):
    import tarfile

    with tarfile.open(shard_path(whole, 0)) as tar:
        member = tar.extractfile("000000000.mask.png")
        assert member is not None
        assert set(np.unique(np.asarray(Image.open(io.BytesIO(member.read()))))) == {0, 255}
