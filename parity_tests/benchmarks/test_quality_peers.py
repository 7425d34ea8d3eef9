"""``python -m benchmarks quality --peer``: fills known in closed form; peers that peek, refuse, crash, hang; stand-ins."""

import importlib.metadata
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.latency.process import Worker
from benchmarks.peers import fills
from benchmarks.peers.adapters import ADAPTERS
from benchmarks.peers.standins.table import write
from models.evaluation.baselines import mean_fill
from models.evaluation.protocol import read_cases
from parity_tests.benchmarks.peers.mean_peer import mean_peer, save
from parity_tests.support.exit_code import exit_code
from parity_tests.support.models_command import COFFEE

SIZE = 32
COUNT = 3


@pytest.fixture
def call(here, capsys):
    """Run the command on three photos; returns exit code and output."""
    Path("photos").mkdir()
    for index in range(COUNT):
        Image.fromarray(np.ascontiguousarray(COFFEE[index:, 7 * index :])).save(f"photos/{index}.png")

    def run(*options):
        words = ["quality", "--data", "photos", "--size", str(SIZE), "--checkpoint", "small.safetensors"]
        code = exit_code(main, [*words, *map(str, options)])
        return code, *capsys.readouterr()

    return run


def cases():
    return list(read_cases(sorted(Path("photos").iterdir()), [], SIZE, 0))


def fills_of(name):
    return [np.asarray(Image.open(path)) for path in sorted((Path("fills") / name).iterdir())]


@pytest.mark.slow
def test_fills_of_every_adapter_are_measured(call):
    """The mean colour, as the baseline of that name has it, to the rounding of a level; channels first and last by turns."""
    peers = {}
    for index, name in enumerate(ADAPTERS):
        path = mean_peer(Path(f"mean-{name}.onnx"), name, SIZE, last=bool(index % 2))
        peers[f"{name} ({path.name})"] = f"{name}={path}"
    options = [word for one in peers.values() for word in ("--peer", one)]
    code, out, err = call(*options, "--json", "a.json", "--fills", "fills")
    assert code == 0, err
    report = json.loads(Path("a.json").read_text())
    for name, one in peers.items():
        assert f"{name} over network" in out
        assert report["methods"][name]["hole_psnr_db"] == pytest.approx(report["methods"]["mean"]["hole_psnr_db"], abs=0.1)
        assert len(report["setting"]["peers"][name]["sha256"]) == 64
        assert report["setting"]["peers"][name]["note"] == ADAPTERS[one.split("=")[0]].words
        for case, got in zip(cases(), fills_of(name), strict=True):
            np.testing.assert_array_equal(got[~case.hole], case.photo[~case.hole])
            assert np.abs(got.astype(int) - mean_fill(case.photo, case.hole)).max() <= 1, name


@pytest.mark.slow
def test_what_a_peer_cannot_know_it_is_not_shown(call):
    """One that gives back its input fills in black, not in the photo; one that takes the hole for what is known, too."""
    identity = [helper.make_node("Identity", ["image"], ["output"])]
    peeking = save(Path("peeking.onnx"), "lama", SIZE, identity)
    inverted = mean_peer(Path("inverted.onnx"), "migan-pipeline", SIZE, inverted=True)
    code, _, err = call("--peer", f"lama={peeking}", "--peer", f"migan-pipeline={inverted}", "--fills", "fills")
    assert code == 0, err
    for name in ("lama (peeking.onnx)", "migan-pipeline (inverted.onnx)"):
        for case, got in zip(cases(), fills_of(name), strict=True):
            assert (got[case.hole] == 0).all()


@pytest.mark.slow
def test_a_tflite_peer_is_measured(call):
    import torch

    from export.quiet import quiet

    class Mean(torch.nn.Module):
        def forward(self, image, mask):
            known = 1 - mask
            return torch.ones_like(image) * ((image * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True))

    with quiet():
        import litert_torch

        shapes = (torch.zeros(1, 3, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE))
        litert_torch.convert(Mean().eval(), shapes).export("mean.tflite")
    code, _, err = call("--peer", "lama=mean.tflite", "--fills", "fills")
    assert code == 0, err
    for case, got in zip(cases(), fills_of("lama (mean.tflite)"), strict=True):
        assert np.abs(got.astype(int) - mean_fill(case.photo, case.hole)).max() <= 1


@pytest.mark.slow
def test_peers_that_cannot_be_measured_are_one_line_each_and_no_obstacle(call):
    """Another signature, answer or size, no numbers, and one that gives up at the photo with the largest hole."""
    node = helper.make_node
    areas = [int(case.hole.sum()) for case in cases()]
    assert areas[0] < max(areas), "the first photo is filled"
    made = {
        "unknown signature: image float32": save(Path("a.onnx"), "lama", SIZE, [node("Identity", ["image"], ["output"])]),
        "unknown signature: it answers (1, 3, 64, 64)": save(
            Path("b.onnx"),
            "lama",
            SIZE,
            [node("Resize", ["image", "", "scales"], ["output"])],
            {"scales": np.array([1, 1, 2, 2], np.float32)},
            out_size=2 * SIZE,
        ),
        "made for 64x64 pixels, the photo has 32x32": mean_peer(Path("c.onnx"), "lama", 64),
        "values that are no numbers": save(
            Path("d.onnx"), "lama", SIZE, [node("Div", ["image", "zero"], ["output"])], {"zero": np.float32(0)}
        ),
        f"({cases()[int(np.argmax(areas))].name})": save(
            Path("e.onnx"),
            "lama",
            SIZE,
            [
                node("ReduceSum", ["mask"], ["area"], keepdims=0),
                node("GreaterOrEqual", ["area", "most"], ["large"]),
                node("Cast", ["large"], ["index"], to=TensorProto.INT64),
                node("Gather", ["only", "index"], ["factor"]),
                node("Mul", ["image", "factor"], ["output"]),
            ],
            {"most": np.float32(max(areas)), "only": np.ones(1, np.float32)},
        ),
    }
    made["broken.onnx"] = Path("broken.onnx")
    made["broken.onnx"].write_bytes(b"\x08\x09not a graph\n\n")
    options = [word for path in made.values() for word in ("--peer", f"{'migan' if path.name == 'a.onnx' else 'lama'}={path}")]
    good = mean_peer(Path("good.onnx"), "lama", SIZE)
    code, out, err = call(*options, "--peer", f"lama={good}", "--json", "a.json", "--fills", "fills")
    assert code == 0
    report = json.loads(Path("a.json").read_text())
    assert [name for name in report["methods"] if "onnx" in name] == ["lama (good.onnx)"]
    assert sorted(path.name for path in Path("fills").iterdir() if "onnx" in path.name) == ["lama (good.onnx)"]
    for said, path in made.items():
        lines = [line for line in err.splitlines() if path.name in line and "is not measured" in line]
        assert len(lines) == 1
        assert said in lines[0]
        assert f"({path.name})" in " ".join(report["unavailable"])
    assert out.count("unavailable: lama") == len(made) - 1


@pytest.mark.slow
def test_one_that_crashes_and_one_that_hangs(call, monkeypatch):
    """In the middle, after a fill that went well."""
    asked = []

    class Crashing(Worker):
        def ask(self, do, **arguments):
            asked.append(do)
            if asked.count("fill") == 2:
                os.kill(self._process.pid, signal.SIGSEGV)
            return super().ask(do, **arguments)

    class Stopping(Worker):
        def ask(self, do, **arguments):
            if do == "fill":
                self.limit_s = 1
                os.kill(self._process.pid, signal.SIGSTOP)
            return super().ask(do, **arguments)

    peer = mean_peer(Path("peer.onnx"), "aotgan", SIZE)
    for kind, said in ((Crashing, "crashed (signal 11)"), (Stopping, "no answer in 1 s")):
        monkeypatch.setattr(fills, "Worker", kind)
        code, out, err = call("--peer", f"aotgan={peer}")
        assert (code, f"aotgan (peer.onnx) is not measured: {said}" in err) == (0, True)
        assert "unavailable: aotgan (peer.onnx)" in out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--peer", "mygan=a.onnx"], 2, "one of the names migan, migan-pipeline, lama, aotgan is needed"),
        (["--peer", "migan"], 2, "NAME=FILE"),
        (["--peer", "migan=nowhere.onnx"], 2, "nowhere.onnx: no such file"),
        (["--peer", "lama=a/same.onnx", "--peer", "lama=b/same.onnx"], 2, "lama (same.onnx) is given twice"),
        (["--peer", "migan=migan-standin-64.onnx"], 2, "migan (migan-standin-64.onnx) is a compute stand-in with random weights"),
        (["--peer", "migan=renamed.onnx"], 2, "migan (renamed.onnx) is a compute stand-in with random weights"),
        (["--peer", "migan=a/same.onnx", "--limit", "0"], 2, "--limit"),
        (["--peer", "patchmatch"], 3, "patchmatch-cython is not installed"),
    ],
)
def test_bad_usage_is_one_line_and_nothing_is_written(call, monkeypatch, options, code, said):
    monkeypatch.setattr("benchmarks.latency.candidates.installed_version", lambda name: None)
    for place in ("a", "b"):
        Path(place).mkdir()
        mean_peer(Path(place) / "same.onnx", "lama", SIZE)
    write("migan", 64, Path())
    Path("renamed.onnx").write_bytes(Path("migan-standin-64.onnx").read_bytes())
    got, out, err = call(*options, "--json", "a.json", "--fills", "fills")
    assert (got, out, len(err.strip().splitlines())) == (code, "", 1)
    assert said in err
    assert not Path("a.json").exists()
    assert not Path("fills").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    "patchmatch-cython" not in {one.name for one in importlib.metadata.distributions()}, reason="wavefill[peers] is not installed"
)
def test_patchmatch_copies_what_is_known(call):
    """Kept pixels are the photo's, and the hole is not one colour."""
    code, _, err = call("--peer", "patchmatch", "--fills", "fills")
    assert code == 0, err
    for case, got in zip(cases(), fills_of("PatchMatch"), strict=True):
        np.testing.assert_array_equal(got[~case.hole], case.photo[~case.hole])
        assert len(np.unique(got[case.hole], axis=0)) > 1
