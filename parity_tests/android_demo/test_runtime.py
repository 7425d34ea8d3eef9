"""The core, ONNX Runtime's Java classes and its library *for Android* (x86-64), together on a desktop's Java.

Nothing of Android is here: the library is loaded over ``benchmarks/arm/bionic.c``. It is the
code that an emulator or a Chromebook would
run, and the Java and Kotlin that every Android device would run, but for their translation to Android's bytecode.
"""

import platform
import shutil

import numpy as np
import pytest
from skimage import data

from android_demo.packaging.goldens import fill_case
from android_demo.packaging.kotlin import unpacked
from android_demo.packaging.places import aar, missing_for_junit
from benchmarks.arm.bionic import X86_64, stand_in
from export.artifact.loading import load_artefact
from export.parity import probes
from models.fill.outpaint import Margins, outpaint
from parity_tests.android_demo.java import case, java, run_core

LIBRARIES = ("jni/x86_64/libonnxruntime.so", "jni/x86_64/libonnxruntime4j_jni.so")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(missing_for_junit() is not None, reason=str(missing_for_junit())),
    pytest.mark.skipif(
        (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the library is for Linux on x86-64"
    ),
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in ("cc", "nm")), reason="no C compiler here to build the shim"),
]


@pytest.fixture(scope="module")
def android(tmp_path_factory):
    """Options and variables that make Java load the library for Android."""
    folder = tmp_path_factory.mktemp("android")
    unpacked(aar(), LIBRARIES, folder)
    shim = folder / "shim"
    shim.mkdir()
    libraries = [folder / name for name in LIBRARIES]
    assert len(stand_in(libraries, shim, X86_64)) > 100
    place = libraries[0].parent
    # Strict verification of every class, as Android's own does.
    options = ["-Xverify:all", f"-Donnxruntime.native.path={place}"]
    return options, {"LD_LIBRARY_PATH": f"{shim}:{place}"}


def filled(android, tmp_path, artifact, cases):
    """What the core makes of photos and masks: the network's results where they have its size, and those of the whole fill."""
    options, variables = android
    folders = [case(tmp_path / f"case{i}", photo, mask) for i, (photo, mask) in enumerate(cases)]
    told = [part for folder, (_, mask) in zip(folders, cases, strict=True) for part in (folder, *mask.shape)]
    run_core("fill", artifact, *told, options=options, environment=variables)
    for folder, (photo, _) in zip(folders, cases, strict=True):
        network = folder / "network.bin"
        alone = np.fromfile(network, np.uint8).reshape(photo.shape) if network.is_file() else None
        yield alone, np.fromfile(folder / "result.bin", np.uint8).reshape(photo.shape)


def differences(one, other):
    return np.abs(one.astype(int) - other.astype(int))


@pytest.mark.parametrize(("scheme", "levels"), [("w8a8", 0), ("fp32", 1)])
def test_fills_are_those_of_python(android, tmp_path, shipped_artifacts, scheme, levels):
    """Network and whole fill: w8a8 not a value apart; fp32 at most one level, in the network (detail may fall elsewhere)."""
    artifact = next(shipped_artifacts.glob(f"*-onnx-{scheme}"))
    run = load_artefact(artifact, 1)
    cases = [(probe.noisy, np.ascontiguousarray(probe.mask[:, :, 0])) for probe in probes(256)]
    if scheme == "w8a8":
        cases.append(fill_case())
    for (photo, mask), (network, fill) in zip(cases, filled(android, tmp_path, artifact, cases), strict=True):
        if network is not None:
            assert differences(network, run(image=photo, mask=mask)).max() <= levels
        if levels == 0:
            np.testing.assert_array_equal(fill, run.fill(photo, mask))
        assert (differences(fill, photo)[mask < 128] == 0).all()


def test_widening_is_that_of_python(android, tmp_path, shipped_artifacts):
    artifact = next(shipped_artifacts.glob("*-onnx-w8a8"))
    photo = np.ascontiguousarray(data.chelsea()[:200, :300])
    folder = case(tmp_path / "wide", photo, np.zeros((1, 1), np.uint8))
    options, variables = android
    run_core("widen", artifact, folder, 200, 300, "LEFT", 110, options=options, environment=variables)
    run = load_artefact(artifact, 1)
    expected = outpaint(photo, Margins(left=110), lambda image, mask: run(image=image, mask=mask), run.size)
    made = np.fromfile(folder / "result.bin", np.uint8).reshape(200, 110, 3)
    np.testing.assert_array_equal(made, expected[:, :110])


def test_a_changed_byte_of_the_model_is_refused(android, tmp_path, shipped_artifacts):
    artifact = shutil.copytree(next(shipped_artifacts.glob("*-onnx-w8a8")), tmp_path / "changed")
    model = bytearray((artifact / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (artifact / "model.onnx").write_bytes(model)
    folder = case(tmp_path / "case", *((lambda photo: (photo, np.zeros(photo.shape[:2], np.uint8)))(data.chelsea()[:256, :256])))
    done = java(["wavefill.CoreRunnerKt", "fill", artifact, folder, 256, 256], *android)
    assert done.returncode != 0
    assert "model.onnx is not the file" in done.stderr
    assert "onnxruntime 1" not in done.stderr  # the runtime never saw it
