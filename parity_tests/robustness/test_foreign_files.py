"""Foreign files: no network is built before it is known to fit, archives that lie, and one bad artefact among good ones."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from export.artifact.folder import write_sums
from export.backends import BACKENDS
from models.checkpoint import FORMAT, load_checkpoint, read_safetensors
from models.data.mask_file import MaskFile
from models.features.network import FeatureNetwork
from models.features.perceptual import PerceptualNetwork
from models.system.errors import run_main
from models.system.foreign import reading
from parity_tests.conftest import ROOT
from parity_tests.fuzz.feature_models import write_litert
from parity_tests.support import fakes

NESTED = b"[" * 100_000


def attempt(read, argument):
    """(what a reader returns, "") or (None, what it says of its input)."""
    try:
        return read(argument), ""
    except ValueError as error:
        return None, str(error)


# ---------------------------------------------------------------- nothing is built before it is known to fit


def header_only(spec):
    return save({"stem.weight": torch.zeros(1)}, metadata={"format": FORMAT, "spec": json.dumps(spec)})


GIGANTIC = {
    "name": "huge",
    "widths": [4096] * 10,
    "blocks": [8] * 10,
    "plain_levels": 10,
    "expansion": 16,
    "band_gains": [1.0] * 64,
    "grain": 0,
}

WITHIN = """
import resource, sys
from pathlib import Path
import torch
from models.checkpoint import load_checkpoint
torch.zeros(1)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30),) * 2)
try:
    load_checkpoint(Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux counts it")
def test_a_header_that_asks_for_a_gigantic_network_builds_none(tmp_path):
    """24 billion parameters; a process that may take 1 GB more than it has reads the file and says what is wrong with it."""
    path = tmp_path / "huge.safetensors"
    path.write_bytes(header_only(GIGANTIC))
    done = subprocess.run([sys.executable, "-c", WITHIN, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{path}: its header asks for " in done.stdout
    assert "at most 1,000,000,000 are read" in done.stdout


def test_a_network_is_compared_before_it_is_built(tmp_path, monkeypatch):
    path = tmp_path / "large.safetensors"
    path.write_bytes(header_only(GIGANTIC | {"widths": [512, 512], "blocks": [1, 1], "plain_levels": 2, "expansion": 2}))
    devices = []
    real = torch.nn.Conv2d.__init__

    def spy(self, *arguments, **options):
        real(self, *arguments, **options)
        devices.append(self.weight.device.type)

    monkeypatch.setattr(torch.nn.Conv2d, "__init__", spy)
    with pytest.raises(ValueError, match="tensors do not fit its spec; missing"):
        load_checkpoint(path)
    assert set(devices) == {"meta"}, "the network was built"


def test_more_parameters_than_are_read(tmp_path, monkeypatch):
    path = tmp_path / "many.safetensors"
    save_file({"a": torch.zeros(8, 8), "b": torch.zeros(37)}, path)
    monkeypatch.setattr("models.checkpoint.MAX_PARAMETERS", 101)
    assert read_safetensors(path)[0]["b"].shape == (37,)
    monkeypatch.setattr("models.checkpoint.MAX_PARAMETERS", 100)
    with pytest.raises(ValueError, match=r"many\.safetensors: 101 parameters; at most 100 are read"):
        read_safetensors(path)


def test_no_layer_is_made_for_an_empty_tensor_with_huge_sides(tmp_path):
    """VGG-16's layers were made as wide as the file's tensors said: 10^10 weights for a tensor without a single number."""
    path = tmp_path / "vgg.safetensors"
    save_file({"features.28.weight": torch.zeros(1), "features.0.weight": torch.zeros(100_000, 100_000, 0, 0)}, path)
    with pytest.raises(ValueError, match=r"vgg\.safetensors: .*features\.0\.weight is missing or has another shape"):
        PerceptualNetwork.read(path)


# ---------------------------------------------------------------- files of masks


def archive(path, *, method=zipfile.ZIP_DEFLATED, **parts):
    """A file of masks with some of its parts replaced by bytes, or left out (None)."""
    MaskFile.draw(16, 2, 0).write(path)
    with zipfile.ZipFile(path) as whole:
        content = {name.removesuffix(".npy"): whole.read(name) for name in whole.namelist()} | parts
    with zipfile.ZipFile(path, "w", method) as made:
        for name, part in content.items():
            if part is not None:
                made.writestr(f"{name}.npy", part)
    return path


def npy(shape, descr="|u1", data=b""):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + data


def scalar(value):
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"bits": npy((2, 1 << 40))}, "bytes for an array"),
        ({"bits": npy((2, 32), "|O", b"x" * 64)}, "an array of object"),
        ({"bits": npy((2, 32), "|S0")}, "an array of"),
        ({"bits": npy((0, 1 << 62))}, "not a file of masks"),
        ({"bits": npy((1, 100 << 20), data=bytes(100 << 20)), "more": npy((1, 100 << 20), data=bytes(100 << 20))}, "it holds"),
        ({"size": scalar(1 << 20)}, "pixels in all are allowed"),
        ({"size": scalar(-16)}, "pixels in all are allowed"),
        ({"size": scalar(np.array([16, 16]))}, "size is int64"),
        ({"seed": scalar("7")}, "seed is <U1"),
        ({"families": None}, "it holds"),
        ({"format": b"no array"}, "not a file of masks"),
        ({"bits": npy((2, 32), data=bytes(31))}, "bytes for an array"),
    ],
)
def test_archives_that_lie_are_refused(tmp_path, parts, message):
    path = archive(tmp_path / "masks.npz", **parts)
    with pytest.raises(ValueError, match=rf"masks\.npz: .*{message}"):
        MaskFile.read(path)


def test_a_bomb_is_refused_by_what_it_says_of_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("models.data.mask_file.MAX_PIXELS", 1 << 20)
    monkeypatch.setattr("models.data.mask_file._OTHERS_BYTES", 1 << 12)
    path = archive(tmp_path / "masks.npz", bits=npy((1, 1 << 18), data=bytes(1 << 18)))
    assert path.stat().st_size < 4000
    with pytest.raises(ValueError, match="unpacked it would have more than"):
        MaskFile.read(path)


@pytest.mark.parametrize("field", range(4, 30))
def test_no_byte_of_the_directory_of_an_archive_gives_a_traceback(tmp_path, field):
    """Flags, methods, sizes: encrypted, compressed in a way that nobody knows, longer than it is."""
    path = archive(tmp_path / "masks.npz")
    whole = path.read_bytes()
    for signature in (b"PK\1\2", b"PK\3\4"):
        for value in (1, 8, 14, 99, 255):
            at = whole.find(signature) + field
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            _, refusal = attempt(MaskFile.read, path)
            assert not refusal or refusal.startswith(f"{path}: ")


# ---------------------------------------------------------------- verify: each artefact by itself


@pytest.fixture
def made(tmp_path, tiny_checkpoint, monkeypatch):
    """A backend without toolkit, a folder with two artefacts of it, and the options that name their checkpoint."""
    from export.__main__ import main

    backend = fakes.FakeBackend()
    monkeypatch.setattr("export.matrix.THREADS", 1)
    monkeypatch.setitem(BACKENDS, "onnx", backend)
    out = tmp_path / "out"
    options = ["--checkpoint", str(tiny_checkpoint)]
    assert run_main(main, ["onnx", *options, "--size", "32", "--out", str(out), "--scheme", "fp32", "--scheme", "fp16"]) == 0
    return backend, out, options


def test_a_damaged_artefact_does_not_keep_its_neighbours_from_being_checked(made, tmp_path, monkeypatch, capsys):
    from export.__main__ import main

    backend, out, options = made
    whole = out / "tiny-32-onnx-fp16"
    for name in ("a-nested", "b-unread", "c-unrun", "z-text"):
        shutil.copytree(whole, out / name)
    (out / "a-nested" / "manifest.json").write_bytes(NESTED)
    (out / "z-text" / "SHA256SUMS").write_bytes(b"\xff\xfe")
    real = backend.inspect, backend.load

    def inspect(model):
        with reading(model):
            return {}["operators"] if "b-unread" in str(model) else real[0](model)

    def load(model, threads):
        with reading(model):
            return [][1] if "c-unrun" in str(model) else real[1](model, threads)

    monkeypatch.setattr(backend, "inspect", inspect)
    monkeypatch.setattr(backend, "load", load)
    write_sums(out / "b-unread")
    capsys.readouterr()
    assert run_main(main, ["verify", str(out), *options, "--json"]) == 1
    stdout, stderr = capsys.readouterr()
    verdicts = {Path(one["path"]).name: one for one in json.loads(stdout)["artefacts"]}
    assert {name: (one["ok"], one["damaged"]) for name, one in verdicts.items()} == {
        "a-nested": (False, True),
        "b-unread": (False, True),
        "c-unrun": (False, True),
        "tiny-32-onnx-fp16": (True, False),
        "tiny-32-onnx-fp32": (True, False),
        "z-text": (False, True),
    }
    assert "Traceback" not in stderr
    for name, said in (("a-nested", "nested 100,000 deep"), ("b-unread", "KeyError: 'operators'"), ("c-unrun", "IndexError")):
        assert any(f"{name}: " in line and said in line for line in stderr.splitlines()), stderr


def test_a_missing_runtime_keeps_no_other_artefact_from_being_checked(made, tmp_path, monkeypatch, capsys):
    from export.__main__ import main

    backend, out, options = made
    asked = []

    def unavailable(action):
        asked.append(action)
        return "not here" if len(asked) == 1 else None

    monkeypatch.setattr(backend, "unavailable", unavailable)
    capsys.readouterr()
    assert run_main(main, ["verify", str(out), *options]) == 3
    stdout, stderr = capsys.readouterr()
    assert (len(asked), stdout.count(" ok ")) == (2, 1)
    assert "1 of 2 artefacts were not checked" in stderr


# ---------------------------------------------------------------- a runtime that does not survive a file


def fakes_of_litert(tmp_path, monkeypatch, body):
    """An ``ai_edge_litert`` whose interpreter does something on a file named ``bad.tflite``."""
    package = tmp_path / "fake" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text(f"import os, signal\ndef Interpreter(model_path, num_threads):\n    {body}\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    path = tmp_path / "bad.tflite"
    path.write_bytes(b"anything")
    return path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"damaged \(LiteRT did not survive it: signal 11\)"),
        ("bytearray(1 << 40)", "LiteRT cannot read it|more memory than there is"),
        ("raise ValueError('no model')", r"LiteRT cannot read it \(no model\)"),
    ],
)
def test_a_network_that_ends_its_process_does_not_end_ours(tmp_path, monkeypatch, body, message):
    path = fakes_of_litert(tmp_path, monkeypatch, body)
    with pytest.raises(ValueError, match=rf"bad\.tflite: {message}"):
        FeatureNetwork(path, "unit")


def test_a_sound_network_passes_the_trial(tmp_path):
    path = tmp_path / "net.tflite"
    write_litert(path)
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    network = FeatureNetwork(path, "unit")
    assert np.array_equal(network(image).vector, FeatureNetwork(path, "unit")(image).vector)
    assert network(image).vector.shape == (8,)


def test_an_attribute_that_overflows_is_refused(tmp_path):
    """ONNX Runtime multiplies the block size of DepthToSpace by itself, gets 0, and divides by it: the process ends."""
    import onnx

    from export.onnx.backend import read_model

    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 16, 2, 2)) for name in ("x", "y")]
    node = onnx.helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=1 << 62)
    path = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", ports[:1], ports[1:])), path)
    with pytest.raises(ValueError, match=r"model\.onnx: damaged \(DepthToSpace has blocksize beyond"):
        read_model(path)
