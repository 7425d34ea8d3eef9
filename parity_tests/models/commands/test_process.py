"""``python -m models`` as a process: what it imports, and how signals, a full disk and a closed pipe end it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from models.__main__ import VERBS
from parity_tests.support.models_command import COFFEE, SMALL


def process(*arguments, script="", **options):
    """``python -m models ARGUMENTS``; ``script`` runs before it in the same interpreter."""
    code = f"import runpy, sys\n{script}\nrunpy.run_module('models', run_name='__main__')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_help_needs_no_torch():
    child = process("--help", script="sys.modules['torch'] = None; sys.modules['numpy'] = None")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert "evaluate" in out


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_verbs_need_no_exporter(here, verb):
    """Training works where only torch, numpy, Pillow, safetensors and tqdm are installed; so does the rest, up to OpenCV."""
    toolkits = ("torchao", "coremltools", "litert_torch", "ai_edge_litert", "onnx", "onnxscript", "onnxruntime")
    missing = (*toolkits, "cv2", "skimage", "export")
    script = "\n".join(f"sys.modules[{name!r}] = None" for name in missing)
    (here / "photos").mkdir()
    for name in "abcdefgh":
        Image.fromarray(COFFEE).resize((140, 130)).save(here / "photos" / f"{name}.png")
    arguments, code = {
        "train": (("--help",), 0),
        "distill": (("--help",), 0),
        "grow": (("--spec", "wavefill-s-wide", "--out", "wide.safetensors"), 0),
        "mix": (("small.safetensors", "small.safetensors", "--share", "0.5", "--out", "mixed.safetensors"), 0),
        "inpaint": (("photo.png", "mask.png", "out.png", *SMALL), 0),
        "evaluate": (("--data", "photos", *SMALL), 3),
        "info": (("small.safetensors",), 0),
        "masks": (("--out", "masks.npz", "--size", "16", "--count", "2"), 0),
        "scenes": (("--data", "photos", "--out", "scenes", "--side", "16", "--count", "2"), 0),
        "teacher": (("inpaint", "--help"), 0),
    }[verb]
    child = process(verb, *arguments, script=script)
    _, err = child.communicate(timeout=120)
    assert child.returncode == code, err
    needs = "wavefill: error: the classical baselines need OpenCV: pip install 'wavefill[evaluate]'\n"
    assert err == (needs if code else "")


@pytest.mark.slow
def test_full_disk_and_read_only_folder_leave_the_previous_result(here):
    out = here / "out.png"
    out.write_bytes(b"previous")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    child = process("inpaint", "photo.png", "mask.png", "out.png", *SMALL, script=limit)
    text, err = child.communicate(timeout=120)
    assert (child.returncode, text, err) == (2, "", "wavefill: error: out.png: File too large\n")
    assert out.read_bytes() == b"previous"
    assert sorted(path.name for path in here.iterdir()) == ["mask.png", "out.png", "photo.png", "small.safetensors"]


@pytest.mark.slow
def test_ctrl_c_is_130_with_one_line(here):
    """In the middle of an evaluation."""
    (here / "photos").mkdir()
    Image.fromarray(COFFEE).save(here / "photos" / "a.png")
    # The handler that a terminal's processes have; those of a background job inherit none.
    started = """
import signal, time
import models.evaluation.protocol
signal.signal(signal.SIGINT, signal.default_int_handler)
def endless(*arguments):
    print("measuring", flush=True)
    time.sleep(60)
models.evaluation.protocol.measure = endless
"""
    child = process("evaluate", "--data", "photos", *SMALL, "--json", "out.json", script=started)
    assert child.stdout.readline() == "measuring\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err.splitlines()[-1] == "wavefill: error: stopped by Ctrl-C"
    assert "Traceback" not in err
    assert not (here / "out.json").exists()


@pytest.mark.slow
def test_broken_pipe_is_quiet(here):
    with process("info", "small.safetensors") as child:
        child.stdout.close()
        err = child.stderr.read()
        assert (child.wait(timeout=60), err) == (141, "")
