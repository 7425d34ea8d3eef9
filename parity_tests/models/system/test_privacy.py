"""Nothing of ours reports home: no import of ONNX Runtime goes round `privacy.py`, and the commands run without a network."""

import ast
import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from benchmarks.table import BENCHMARKS
from models.__main__ import VERBS
from models.system.privacy import OFFLINE, TELEMETRY
from parity_tests.fuzz.readers import READERS
from parity_tests.models.teacher.test_denoiser import save_pipeline
from parity_tests.repository.test_import_arrow import ORDER, ROOT, modules, type_checking_removed
from parity_tests.support.models_command import fill_folder
from parity_tests.support.watch import namespace, watched
from parity_tests.support.watched.sitecustomize import REFUSED

NAME = "onnxruntime"
THE_PLACE = "models/system/privacy.py"
ON_ANOTHER_MACHINE = ["benchmarks/arm/guest.py"]
"""Run by an emulated processor's Python, which has nothing of this project; it sets the switch itself."""
WRITTEN = re.compile(rf"(?:^|[\n;:])[ \t]*(?:import|from)[ \t]+{NAME}\b")
"""An import in a program that is kept as text, for another process."""
BY_NAME = {"import_module", "__import__", "importorskip", "run_module", "find_and_load"}


def imports_of_the_runtime(source: str) -> list[int]:
    """Line numbers at which a source text imports ONNX Runtime, or any part of it, by any of the usual ways."""
    lines = []
    for node in ast.walk(ast.parse(type_checking_removed(source))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            names = [ast.unparse(word).lstrip("f").strip("'\"") for word in node.args if called in BY_NAME]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WRITTEN.search(node.value):
            names = [NAME]
        if any(name.split(".")[0] == NAME for name in names):
            lines.append(node.lineno)
    return lines


def test_one_place_imports_onnx_runtime():
    found = {path.relative_to(ROOT).as_posix(): imports_of_the_runtime(path.read_text(encoding="utf-8")) for path in everything()}
    assert {path for path, lines in found.items() if lines} == {*ON_ANOTHER_MACHINE, THE_PLACE}


def everything() -> list[Path]:
    """Every Python file of the repository, those outside packages too."""
    listed = [*modules(*ORDER, "docs"), *ROOT.glob("*.py")]
    assert len(listed) > 200, "files were not found"
    return listed


@pytest.mark.parametrize(
    "planted",
    [
        "import {}",
        "import numpy, {} as ort",
        "def f():\n    from {}.capi import onnxruntime_pybind11_state",
        "import importlib\nimportlib.import_module('{}')",
        "import importlib\nimportlib.import_module(f'{}.{{name}}')",
        "import pytest\nort = pytest.importorskip('{}')",
        "SCRIPT = '''\nimport sys\nimport {}\n'''",
        "SCRIPT = 'import sys; from {} import InferenceSession'",
    ],
)
def test_an_import_that_goes_round_is_found(planted):
    assert imports_of_the_runtime(planted.format(NAME))


def test_speaking_of_it_is_no_import():
    assert not imports_of_the_runtime(f"if TYPE_CHECKING:\n    from {NAME} import InferenceSession\nNEEDS = ('{NAME}',)\n")


@pytest.mark.parametrize("package", ORDER)
def test_every_package_sets_the_switches_where_c_sees_them(package):
    """Whatever the user's shell says. os.environ alone would not do: the libraries ask the C library."""
    script = f"import {package}, ctypes; c = ctypes.CDLL(None); c.getenv.restype = ctypes.c_char_p\n"
    script += f"print(*(c.getenv(name.encode()).decode() for name in {list(TELEMETRY)}))"
    shell = {**os.environ, **dict.fromkeys(TELEMETRY, "0")}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=shell, capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(TELEMETRY.values())


def test_tests_and_their_children_are_offline():
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    switches = TELEMETRY | OFFLINE
    assert {name: (getenv(name.encode()) or b"").decode() for name in switches} == switches


def test_the_libraries_have_understood():
    """By their own account: a switch that a new version has renamed would be found here."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="comes with the extra `teacher`")
    assert (constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_OFFLINE) == (True, True)


needs_namespace = pytest.mark.skipif(not namespace(), reason="`unshare --net` is not there or not allowed")


@needs_namespace
def test_the_watch_sees_onnx_runtimes_telemetry(tmp_path):
    """Planted: a bare import leaves an identifier and a queue. It runs where they cannot be sent."""
    done = watched(tmp_path / "home", "-c", " ".join(("import", NAME)))
    assert done.code == 0, done.text
    assert any(path.endswith("deviceid") for path in done.traces), done


@needs_namespace
@pytest.mark.parametrize("native", [False, True])
def test_the_watch_sees_network_use(tmp_path, native):
    """Planted: a look-up by Python, and one by the C library behind its back."""
    by_python = "import socket; socket.getaddrinfo('a.invalid', 80)"
    by_c = "import ctypes; ctypes.CDLL(None).gethostbyname(b'a.invalid')"
    done = watched(tmp_path / "home", "-c", by_c if native else by_python)
    assert (done.code, done.unroutable > 0) == ((0, True) if native else (REFUSED, False)), done


SMALL = "--checkpoint small.safetensors"
STEPS = "--set steps=2 --set precision=fp32 --device cpu --sample-steps 0"
TINY_TEACHER = "--set size=16 --set batch=2 --set widths=[8,8] --set warmup_steps=1"
MAKE = f"-m export {{}} {SMALL} --size 32 --scheme fp32 --out made"
LOAD = """
import numpy, pathlib, export
for folder in sorted(pathlib.Path("made").iterdir()):
    export.load(folder)(image=numpy.zeros((32, 32, 3), numpy.uint8), mask=numpy.zeros((32, 32), numpy.uint8))
"""
COMMANDS = {
    "export all": MAKE.format("all"),
    "library": ("-c", LOAD),
    "export verify": f"-m export verify made {SMALL}",
    "export list": "-m export list",
    "quantize calibrate": f"-m quantize calibrate {SMALL} --data photos --count 2 --out table.json",
    "quantize info": "-m quantize info",
    "models train": f"-m parity_tests.support.train_driver train --preset tiny-gan --data photos --out run {STEPS}",
    "models distill": "-m models distill --teacher small.safetensors --data photos --out distilled --set stages=[[0,128,2]] "
    + STEPS,
    "models grow": "-m models grow --spec wavefill-s-wide --out wide.safetensors",
    "models mix": "-m models mix small.safetensors small.safetensors --share 0.5 --out mixed.safetensors",
    "models inpaint": f"-m models inpaint photo.png mask.png plain.png {SMALL} --size 32",
    "export inpaint": "-m export inpaint photo.png mask.png out.png --artifact made/small-32-onnx-fp32",
    "export outpaint": "-m export outpaint photo.png wide.png --left 3 --artifact made/small-32-onnx-fp32",
    "models masks": "-m models masks --out masks.npz --size 16 --count 2",
    "models scenes": "-m models scenes --data photos --out scenes --count 2 --side 16",
    "models evaluate": f"-m models evaluate --data photos {SMALL} --size 32 --count 2 --fills fills",
    "models teacher": "-m models teacher inpaint photo.png mask.png teacher.png --denoiser ddpm --sampler ddnm --steps 5",
    "models teacher train": f"-m models teacher train --kind ddpm --data photos --out teacher {TINY_TEACHER} {STEPS}",
    "models info": "-m models info small.safetensors",
    "benchmarks latency": f"-m benchmarks latency --artifacts made {SMALL} --rounds 3 --threads 1",
    "benchmarks quality": f"-m benchmarks quality --data photos {SMALL} --artifact made/small-32-onnx-fp32 --count 2",
    "benchmarks fill": f"-m benchmarks fill --data photos {SMALL} --hole 64 --perceptual squeezenet/net.safetensors",
    "benchmarks thin": f"-m benchmarks thin --data photos {SMALL} --limit 1",
    "benchmarks standins": "-m benchmarks standins migan --size 64",
    "benchmarks votes": "-m benchmarks votes fills/telea fills/mean --out votes.html",
    "benchmarks training": ("-m", "benchmarks", "training", "--threads=1", "--rounds=1", "--only", "generator alone, L1"),
    "benchmarks few_step": "-m benchmarks few_step --size 16 --batch 1 --threads 1 --rounds 3",
}
"""Each by itself, after ``export onnx``; in this order, so that later ones meet the artefacts of all backends."""
UNWATCHED = {
    "teacher": "takes minutes, and uses nothing that is not here",
    "upscale": "takes minutes; its fills are those of `models teacher inpaint`",
    "phone": "is a server; that its page asks nobody else is seen in a browser (parity_tests/benchmarks/phone/test_page.py)",
    "adb": "starts a program that talks to a phone",
    "arm": "starts an emulator",
    "startup": "starts commands that are in the table by themselves",
    "ablations": "takes minutes; its runs are those of `models train`",
    "report": "reads records of `benchmarks latency`, which takes minutes",
}
DAILY = ("library", "export inpaint")
"""The rest are left to `make test-all`."""


def test_no_verb_is_forgotten():
    verbs = {f"models {verb}" for verb in VERBS} | {f"benchmarks {name}" for name in BENCHMARKS if name not in UNWATCHED}
    assert verbs <= set(COMMANDS)


def silent(done):
    """Assert that a command went well and that none of the witnesses saw anything."""
    assert done.code == 0, done.text
    assert (done.traces, done.unroutable or 0) == ([], 0), done


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A photo, a mask, a small checkpoint, photos, a denoiser; and an artefact, made under watch by the command."""
    folder = tmp_path_factory.mktemp("work")
    fill_folder(folder)
    (folder / "photos").mkdir()
    for index in range(8):  # training wants as many
        Image.fromarray(skimage.data.astronaut()[28 * index :][:280, 28 * index :][:, :280]).save(
            folder / "photos" / f"{index}.png"
        )
    save_pipeline(folder / "ddpm")
    (folder / "squeezenet").mkdir()
    READERS["squeezenet"].make(folder / "squeezenet")
    silent(watched(folder / "home", *MAKE.format("onnx").split(), cwd=folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", [name if name in DAILY else pytest.param(name, marks=pytest.mark.thorough) for name in COMMANDS])
def test_commands_need_no_network(work, tmp_path, name):
    command = COMMANDS[name]
    silent(watched(tmp_path / "home", *(command.split() if isinstance(command, str) else command), cwd=work))
