"""``runner.c``: natively with ONNX Runtime's wheel; as it goes to phones, with Android's library, on an emulated processor."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.adb import build
from benchmarks.adb.runner import FEWEST, command, parse
from benchmarks.arm import android
from benchmarks.arm.bionic import ARM64, FIRST
from benchmarks.arm.cores import CORES
from benchmarks.arm.emulator import emulate
from export.artifact.loading import load_artefact
from export.parity import probes
from models.system.privacy import import_onnxruntime

SIZE, FILL = 32, 7
onnxruntime = import_onnxruntime()
WHEEL = sorted(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.1.*"))

needs_compiler = pytest.mark.skipif(
    android.missing_tools() is not None or shutil.which("cc") is None, reason=f"cc, {android.missing_tools()}"
)
needs_arm = pytest.mark.skipif(android.unavailable_here() is not None, reason=str(android.unavailable_here()))


def model(path, loops=0):
    """A model of the public signature that fills with one level; ``loops`` makes it slow."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, [1, SIZE, SIZE, n]) for name, n in (("image", 3), ("mask", 1))
    ]
    result = helper.make_tensor_value_info("result", TensorProto.UINT8, [1, SIZE, SIZE, 3])
    nodes = [helper.make_node("GreaterOrEqual", ["mask", "half"], ["hole"]), helper.make_node("Cast", ["fill"], ["fill0"], to=1)]
    nodes += [helper.make_node("MatMul", [f"fill{i}", "one"], [f"fill{i + 1}"]) for i in range(loops)]
    nodes += [
        helper.make_node("ReduceMax", [f"fill{loops}"], ["level"], keepdims=0),
        helper.make_node("Cast", ["level"], ["byte"], to=TensorProto.UINT8),
        helper.make_node("Where", ["hole", "byte", "image"], ["result"]),
    ]
    side = 512 if loops else 1
    held = {"half": np.uint8(128), "fill": np.full((side, side), FILL, np.uint8), "one": np.eye(side, dtype=np.float32)}
    # The fill comes from the mask, or the runtime would compute it once, while loading.
    nodes[1:2] = [
        helper.make_node("ReduceMin", ["mask"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["fill", "nothing"], ["some"]),
        helper.make_node("Cast", ["some"], ["fill0"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes, "fill", ports, [result], [numpy_helper.from_array(np.asarray(v), k) for k, v in held.items()]
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def case(tmp_path):
    """A photo and its mask in ``input.bin``, and the right result."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.where(rng.random((SIZE, SIZE, 1)) > 0.5, np.uint8(255), np.uint8(0))
    (tmp_path / "input.bin").write_bytes(image.tobytes() + mask.tobytes())
    return np.where(mask >= 128, np.uint8(FILL), image)


@pytest.fixture
def native(tmp_path):
    """The program for this processor, in a folder with ONNX Runtime's library; called by a phone's command line."""
    headers = tmp_path / "made"
    headers.mkdir()
    android.unpack(headers)
    options = ("-O2", "-std=gnu11", "-Wall", "-Werror", f"-I{headers / 'headers'}")
    subprocess.run(["cc", *options, "-o", tmp_path / "runner", build.SOURCE], check=True)
    (tmp_path / "libonnxruntime.so").symlink_to(WHEEL[0])

    def run(line):
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, done.stdout

    return run


LINE = command("runner", "model.onnx", "input.bin", "result.bin", SIZE, 1)


@needs_compiler
@pytest.mark.skipif(not WHEEL, reason="this wheel of ONNX Runtime has no library of its own")
class TestNatively:
    def test_a_quick_model_runs_as_often_as_asked(self, native, case, tmp_path):
        model(tmp_path / "model.onnx")
        code, out = native(LINE)
        assert code == 0, out
        told = parse(out)
        assert told.runtime == ("onnxruntime", onnxruntime.__version__, "CPUExecutionProvider")
        assert len(told.runs_ms) == 50
        assert told.peaks_mb["steady"] >= told.peaks_mb["load"] > 5
        got = np.frombuffer((tmp_path / "result.bin").read_bytes(), np.uint8).reshape(case.shape)
        np.testing.assert_array_equal(got, case)

    def test_times_are_those_of_the_model(self, native, case, tmp_path):
        """A model that takes its time is stopped by the seconds, not before ten runs; other models are quicker."""
        model(tmp_path / "model.onnx", loops=40)
        code, out = native(re.sub(r"10 50 5$", "2 50 0", LINE))
        assert code == 0, out
        slow = parse(out)
        assert len(slow.runs_ms) == FEWEST
        model(tmp_path / "model.onnx")
        quick = parse(native(LINE)[1])
        assert min(slow.runs_ms) > 10 * min(quick.runs_ms)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("model.onnx", "nowhere.onnx", "model: "),
            ("model.onnx", "input.bin", "model: "),
            ("input.bin", "nowhere.bin", "nowhere.bin: cannot be opened"),
            ("input.bin", "short.bin", "short.bin: too short"),
            ("result.bin", "no/result.bin", "no/result.bin: cannot be opened"),
            (" 32 1 ", " 32 x ", "THREADS: is not a whole number"),
            (" 32 1 ", " 0 1 ", "must be at least 1"),
            (" 32 1 ", " 16 1 ", "run: "),
            (" 10 50 5", " 10 50", "are needed"),
        ],
    )
    def test_what_cannot_be_is_one_line(self, native, case, tmp_path, old, new, said):
        model(tmp_path / "model.onnx")
        (tmp_path / "short.bin").write_bytes(b"short")
        code, out = native(LINE.replace(old, new))
        assert code == 1
        assert said in out.splitlines()[-1]
        assert not (tmp_path / "result.bin").exists()


@needs_compiler
def test_the_program_for_phones_asks_for_nothing_that_phones_do_not_have():
    program, library = build.built_for_phones()
    assert library.stat().st_size > 10e6
    told = subprocess.run([ARM64.symbols, "-D", "--undefined-only", program], capture_output=True, text=True, check=True).stdout
    asked = {line.split()[-1] for line in told.splitlines()}
    assert asked <= {name for names in build.FUNCTIONS.values() for name in names.split()}
    assert "__libc_init" in asked
    content = program.read_bytes()
    assert b"/system/bin/linker64" in content
    assert b"GLIBC" not in content, "a symbol with a version of glibc's would not be found on a phone"


@needs_compiler
def test_another_function_is_refused_when_it_is_built(tmp_path, monkeypatch):
    android.unpack(tmp_path)
    (tmp_path / "runner.c").write_text(build.SOURCE.read_text().replace("malloc(", "valloc("))
    monkeypatch.setattr(build, "SOURCE", tmp_path / "runner.c")
    with pytest.raises(RuntimeError, match="valloc"):
        build.link(tmp_path)


def on_an_arm_core(line, folder):
    """A phone's command line on an emulated processor: the very files that a phone gets, with stand-ins for Android's own."""
    program, _ = build.built_for_phones()
    words = line.split("./runner ")[1].split()
    lines = []
    environment = {"ORT_DISABLE_TELEMETRY": "1", "LD_PRELOAD": FIRST}
    arguments = [folder / word if "." in word else word for word in words]
    emulate(
        CORES["cortex-a76"],
        [program, *arguments],
        environment=environment,
        libraries=android.android_system(),
        on_line=lines.append,
    )
    return parse("\n".join(lines))


@needs_arm
@pytest.mark.slow
def test_the_program_for_phones_runs_on_an_emulated_processor(case, tmp_path):
    model(tmp_path / "model.onnx")
    told = on_an_arm_core(LINE, tmp_path)
    assert told.runtime[1].startswith("1.")
    assert len(told.runs_ms) == 50
    got = np.frombuffer((tmp_path / "result.bin").read_bytes(), np.uint8).reshape(case.shape)
    np.testing.assert_array_equal(got, case)


@needs_arm
@pytest.mark.thorough
def test_it_gives_this_hosts_integers(shipped_artifacts, tmp_path):
    folder = shipped_artifacts / "wavefill-s-256-onnx-w8a8"
    (tmp_path / "model.onnx").symlink_to(folder / "model.onnx")
    probe = probes(256)[0]
    (tmp_path / "input.bin").write_bytes(probe.image.tobytes() + probe.mask.tobytes())
    line = re.sub(r"32 1 10 50 5$", "256 1 0 10 1", LINE)
    assert len(on_an_arm_core(line, tmp_path).runs_ms) == FEWEST
    got = np.frombuffer((tmp_path / "result.bin").read_bytes(), np.uint8).reshape(probe.image.shape)
    np.testing.assert_array_equal(got, load_artefact(folder, 1)(image=probe.image, mask=probe.mask[:, :, 0]))
