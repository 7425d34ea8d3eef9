"""Artefact folders: SHA256SUMS, and complete under the final name or not there."""

import shutil
import subprocess

import pytest

from export.artifact.folder import SUMS, artifact_name, check_sums, hash_files, parse_sums, recover, staging, write_sums


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "artefact"
    (made / "model.mlpackage" / "Data").mkdir(parents=True)
    (made / "model.mlpackage" / "Data" / "weight.bin").write_bytes(bytes(range(256)))
    (made / "manifest.json").write_text("{}\n")
    write_sums(made)
    return made


def test_sums_hold_and_sha256sum_agrees(folder):
    assert check_sums(folder) == []
    if shutil.which("sha256sum"):
        done = subprocess.run(["sha256sum", "--strict", "-c", SUMS], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(": OK") == 2


@pytest.mark.parametrize("name", ["manifest.json", "model.mlpackage/Data/weight.bin", SUMS])
def test_any_changed_byte_is_found(folder, name):
    original = (folder / name).read_bytes()
    for index in range(len(original)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(original)
            changed[index] ^= mask
            (folder / name).write_bytes(changed)
            assert check_sums(folder), f"byte {index} of {name} changed by {mask:#x} unseen"
    (folder / name).write_bytes(original)
    assert check_sums(folder) == []


def test_missing_extra_and_cut_files_are_named(folder):
    (folder / "extra").write_bytes(b"")
    assert check_sums(folder) == [f"extra: not listed in {SUMS}"]
    (folder / "extra").unlink()
    (folder / "manifest.json").unlink()
    assert check_sums(folder) == ["manifest.json: missing"]
    (folder / SUMS).unlink()
    assert check_sums(folder) == [f"{SUMS}: missing"]


def test_links_are_refused(folder, tmp_path):
    (tmp_path / "elsewhere").write_text("{}\n")
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to(tmp_path / "elsewhere")
    assert "only plain files" in check_sums(folder)[0]


A, B = (f"{'a' * 64}  {name}\n" for name in "ab")


@pytest.mark.parametrize("text", ["", "\n", "abc  x\n", A.upper(), A.replace("  ", " "), A.rstrip(), B + A, A + A])
def test_sums_are_read_strictly(text):
    with pytest.raises(ValueError, match=r"malformed|empty"):
        parse_sums(text)


def test_a_new_artefact_appears_whole(tmp_path):
    final = tmp_path / "out" / "name"
    with staging(final) as temporary:
        (temporary / "model").write_text("new")
        assert not final.exists()
    assert (final / "model").read_text() == "new"
    assert [path.name for path in final.parent.iterdir()] == ["name"]
    assert final.stat().st_mode & 0o055 == 0o055 & ~_umask()


def test_a_failure_leaves_the_previous_one_and_nothing_else(folder):
    before = hash_files(folder)
    for error in (OSError("disk full"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            _fail_half_way(folder, error)
        assert hash_files(folder) == before
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def _fail_half_way(folder, error):
    with staging(folder) as temporary:
        (temporary / "half").write_text("x")
        raise error


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_rename_puts_the_previous_one_back(folder, monkeypatch, failing):
    """Whichever of the two renames of an exchange fails, the old artefact is under its name afterwards."""
    before, calls, rename = hash_files(folder), [], type(folder).rename

    def failing_rename(self, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError("planted")
        return rename(self, target)

    monkeypatch.setattr(type(folder), "rename", failing_rename)
    with pytest.raises(OSError, match="planted"), staging(folder) as temporary:
        (temporary / "new").write_text("x")
    assert hash_files(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_kill_between_the_renames_is_recovered(folder):
    before = hash_files(folder)
    folder.rename(folder.with_name(f".{folder.name}.previous"))
    recover(folder)
    assert hash_files(folder) == before
    shutil.copytree(folder, folder.with_name(f".{folder.name}.previous"))
    recover(folder)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_names():
    assert artifact_name("wavefill-s", 256, "onnx", "w8a8", "uint8") == "wavefill-s-256-onnx-w8a8"
    assert artifact_name("wavefill-s", 256, "onnx", "w8a8", "float") == "wavefill-s-256-onnx-w8a8-float"
    with pytest.raises(ValueError, match="not usable in a folder's name"):
        artifact_name("../evil", 256, "onnx", "w8a8", "uint8")


def _umask():
    import os

    umask = os.umask(0)
    os.umask(umask)
    return umask
