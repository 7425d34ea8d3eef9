"""Sizes from headers: what the full reader would say, remembered only while a file stays as it is."""

import os
import sys

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.data import memory, photo_index
from models.data.photo_index import Candidate, find_candidates, photo_size, read_index
from models.photo.images import READ_FORMATS, read_photo
from parity_tests.support.photo_folders import write_photos


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".ppm"])
def test_sizes_are_those_of_the_decoded_photo(tmp_path, suffix):
    (path,) = write_photos(tmp_path, 1, (37, 53), suffix)
    assert photo_size(path) == (53, 37)
    assert read_photo(path).pixels.shape == (37, 53, 3)


@given(data=st.data())
def test_a_damaged_header_is_a_value_error_or_a_size(tmp_path_factory, data):
    """Whatever the bytes: never another exception, and never a size that the reader contradicts."""
    folder = tmp_path_factory.mktemp("damaged")
    suffix = data.draw(st.sampled_from([".jpg", ".png", ".webp", ".tif", ".bmp", ".gif"]))
    (path,) = write_photos(folder, 1, (9, 12), suffix)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(120, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    size, shape = (_attempt(function, path) for function in (photo_size, lambda path: read_photo(path).pixels.shape[:2]))
    if isinstance(size, str):
        assert size == shape
        assert size.startswith(str(path))
    elif not isinstance(shape, str):  # a damaged body is none of the header's business
        assert sorted(size) == sorted(shape)


def _attempt(function, path):
    """What a function returns, or the text of its ValueError."""
    try:
        return function(path)
    except ValueError as error:
        return str(error)


def test_more_pixels_than_are_read_are_refused_by_the_header(tmp_path):
    """A file of some bytes that says it has 400 megapixels."""
    header = b"P6\n20000 20000\n255\n"
    (tmp_path / "bomb.ppm").write_bytes(header)
    usable, skipped = find_candidates([tmp_path / "bomb.ppm"], 16)
    assert usable == []
    assert "megapixels are not read" in skipped[0]
    assert "PPM" in READ_FORMATS


def test_order_is_kept_and_missing_files_are_named(tmp_path):
    paths = write_photos(tmp_path, 600)  # more than one chunk
    paths[300].unlink()
    usable, skipped = find_candidates(paths, 32)
    assert [candidate.path for candidate in usable] == paths[:300] + paths[301:]
    assert {(candidate.width, candidate.height) for candidate in usable} == {(48, 40)}
    assert skipped == [f"{paths[300]}: No such file or directory"]


@given(width=st.integers(1, 3000), height=st.integers(1, 3000), short_side=st.integers(1, 3000))
def test_the_decoded_size_is_reduced_in_proportion(width, height, short_side):
    rows, columns = Candidate(None, width, height).reduced(short_side)
    assert min(rows, columns) == min(width, height, short_side)
    assert rows / columns == pytest.approx(height / width, rel=0.5 / min(rows, columns) + 1e-9)
    assert Candidate(None, width, height).decoded_bytes(short_side) == np.empty((rows, columns, 3), np.uint8).nbytes


def test_an_index_saves_opening_the_files_again(tmp_path, monkeypatch):
    paths = write_photos(tmp_path / "photos", 20)
    (tmp_path / "photos" / "text.png").write_text("not a photo")
    paths.append(tmp_path / "photos" / "text.png")
    index = tmp_path / "run" / "sizes.txt"
    first = find_candidates(paths, 32, index)
    opened = []
    real = photo_index.photo_size
    monkeypatch.setattr(photo_index, "photo_size", lambda path: opened.append(path.name) or real(path))
    assert find_candidates(paths, 32, index) == first
    assert opened == ["text.png"], "what is no photo is not remembered"
    # Another least size is another question to the same index.
    usable, skipped = find_candidates(paths, 41, index)
    assert (len(usable), len(skipped)) == (0, 21)


def test_an_index_is_not_believed_about_a_file_that_changed(tmp_path):
    paths = write_photos(tmp_path / "photos", 3)
    index = tmp_path / "sizes.txt"
    find_candidates(paths, 16, index)
    Image.new("RGB", (17, 19)).save(paths[1])
    state = paths[2].stat()
    Image.new("RGB", (23, 29)).save(paths[2])
    os.utime(paths[2], ns=(state.st_atime_ns, state.st_mtime_ns))  # the same time, another length
    usable, _ = find_candidates(paths, 16, index)
    assert [(candidate.width, candidate.height) for candidate in usable] == [(48, 40), (17, 19), (23, 29)]
    assert [entry[2:] for entry in read_index(index).values()] == [(48, 40), (17, 19), (23, 29)]


def test_an_index_of_another_folder_is_added_to(tmp_path):
    index = tmp_path / "sizes.txt"
    for name in ("a", "b"):
        find_candidates(write_photos(tmp_path / name, 4), 16, index)
    assert len(read_index(index)) == 8
    before = index.stat().st_mtime_ns
    find_candidates(sorted((tmp_path / "a").iterdir()), 16, index)
    assert index.stat().st_mtime_ns == before, "nothing new, nothing written"


def test_awkward_names_survive(tmp_path):
    names = ["tab\tin it", "a space", "ünïcode", "back\\slash", "line\nbreak"]
    if sys.platform == "linux":  # other systems refuse to write such a name
        names.append(os.fsdecode(b"not-utf8-\xff"))
    (photo,) = write_photos(tmp_path / "one", 1)
    paths = []
    for name in names:
        paths.append(tmp_path / f"{name}.png")
        paths[-1].write_bytes(photo.read_bytes())
    index = tmp_path / "sizes.txt"
    for _ in range(2):
        usable, skipped = find_candidates(paths, 16, index)
        assert [candidate.path for candidate in usable] == paths
        assert skipped == []
    assert set(read_index(index)) == {str(path) for path in paths if "\n" not in path.name}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"something else\n",
        b"\xff\xd8\xff\xe0",
        b"wavefill-photo-index-1",
        b"wavefill-photo-index-1\n1\t2\t3\n",
        b"wavefill-photo-index-1\n1\t2\twide\t4\tname\n",
        b"wavefill-photo-index-1\n1\t2\t3\t4\tcut off",
    ],
)
def test_another_file_is_not_taken_for_an_index(tmp_path, content):
    index = tmp_path / "sizes.txt"
    index.write_bytes(content)
    with pytest.raises(ValueError, match="not an index of photo sizes"):
        find_candidates(write_photos(tmp_path / "photos", 2), 16, index)
    assert index.read_bytes() == content


def _system(monkeypatch, tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")


MEMINFO = {"proc/meminfo": "MemTotal:       16000000 kB\nMemFree: 1000000 kB\nMemAvailable:    8000000 kB\n"}
V2 = {"proc/self/cgroup": "0::/jobs/one\n"}
STAT = "anon 1\ninactive_file 500\ntotal_inactive_file 700\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (MEMINFO, 8_192_000_000),
        ({**MEMINFO, **V2}, 8_192_000_000),
        (
            {
                **MEMINFO,
                **V2,
                "cgroup/jobs/one/memory.max": "max\n",
                "cgroup/jobs/one/memory.current": "9000\n",
                "cgroup/jobs/one/memory.stat": STAT,
            },
            8_192_000_000,
        ),
        (
            {
                **MEMINFO,
                **V2,
                "cgroup/jobs/one/memory.max": "10000\n",
                "cgroup/jobs/one/memory.current": "9000\n",
                "cgroup/jobs/one/memory.stat": STAT,
            },
            1500,
        ),
        (  # a container sees its own group as the root
            {**MEMINFO, **V2, "cgroup/memory.max": "10000\n", "cgroup/memory.current": "9900\n", "cgroup/memory.stat": STAT},
            600,
        ),
        (
            {
                **MEMINFO,
                "proc/self/cgroup": "7:cpu,cpuacct:/x\n4:memory:/box\n0::/\n",
                "cgroup/memory/box/memory.limit_in_bytes": "20000\n",
                "cgroup/memory/box/memory.usage_in_bytes": "19900\n",
                "cgroup/memory/box/memory.stat": STAT,
                "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "cgroup/memory/memory.usage_in_bytes": "5\n",
                "cgroup/memory/memory.stat": STAT,
            },
            800,
        ),
    ],
    ids=["no groups", "root group", "no limit", "v2", "v2 namespace", "v1"],
)
def test_memory_is_what_the_system_and_the_container_leave(monkeypatch, tmp_path, files, expected):
    _system(monkeypatch, tmp_path, files)
    assert memory.available_bytes() == expected


def test_without_proc_half_of_the_physical_memory_counts(monkeypatch, tmp_path):
    _system(monkeypatch, tmp_path, {})
    assert memory.available_bytes() == pytest.approx(psutil.virtual_memory().total / 2, rel=0.01)


def test_memory_of_this_machine_agrees_with_psutil():
    assert 0 < memory.available_bytes() <= 1.1 * psutil.virtual_memory().available
