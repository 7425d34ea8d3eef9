"""The core, ONNX Runtime's Java classes and its library *for Android* (x86-64), together on a desktop's Java.

Nothing of Android is here: the library is loaded over ``benchmarks/arm/bionic.c``. It is the code that an emulator or a
Chromebook would run, and the Java and Kotlin that every device would run, but for their translation to Android's bytecode. The
library for ARM runs on an emulated processor, where there is no Java; its answers go into the fill here.
"""

import dataclasses
import platform
import shutil

import numpy as np
import pytest
from skimage import data

from android_demo.packaging.goldens import fill_case, write_assets
from android_demo.packaging.kotlin import unpacked
from android_demo.packaging.places import aar, missing_for_junit
from benchmarks.arm.android import run_android, unavailable_here
from benchmarks.arm.bionic import X86_64, stand_in
from benchmarks.arm.cores import CORES
from export.artifact.loading import load_artefact
from export.parity import probes
from models.fill.outpaint import Margins, outpaint
from models.fill.parameters import DEFAULTS
from models.fill.windows import inpaint
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


def test_the_screen_of_parity_says_yes_and_no(android, tmp_path, shipped_artifacts):
    """The app's own assets: equal in both; with a level changed in a golden image, which is the planted error, not in that."""
    options, variables = android
    write_assets(next(shipped_artifacts.glob("*-onnx-w8a8")), tmp_path)
    assert run_core("parity", tmp_path, options=options, environment=variables) == "network true fill true\n"
    place = tmp_path / "golden" / "fill.bin"
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    assert run_core("parity", tmp_path, options=options, environment=variables) == "network true fill false\n"


@pytest.mark.skipif(unavailable_here() is not None, reason=str(unavailable_here()))
def test_fills_on_arm_are_those_of_python(tmp_path, shipped_artifacts):
    """Network on an emulated ARM phone, in the library for arm64; its answers in the fill in Kotlin: Python's photo.

    A wire, which is filled in parts, and a round hole: the network is asked several times.
    """
    folder = next(shipped_artifacts.glob("*-onnx-w8a8"))
    run = load_artefact(folder, 1)
    photo = data.astronaut()
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]]
    hole = (rows - 420) ** 2 + (columns - 200) ** 2 < 60**2
    hole[20:26, 40:480] = True
    mask = np.where(hole, 255, 0).astype(np.uint8)
    calls = []

    def recorded(*, image, mask):
        calls.append((image.copy(), mask.copy()))
        return run(image=image, mask=mask)

    expected = inpaint(photo, mask, recorded, run.size)
    assert len(calls) > 3
    images, masks = (np.stack(parts) for parts in zip(*calls, strict=True))
    answers, _, version = run_android(CORES["cortex-a76"], folder / "model.onnx", images, masks[..., None])
    assert version == "1.29.0"
    np.testing.assert_array_equal(answers, np.stack([run(image=image, mask=asked) for image, asked in calls]))
    place = tmp_path / "case"
    place.mkdir()
    for name, pixels in {"photo": photo, "mask": mask}.items():
        (place / f"{name}.bin").write_bytes(pixels.tobytes())
    for number, parts in enumerate(zip(images, masks, answers, strict=True)):
        for name, pixels in zip(("image", "mask", "answer"), parts, strict=True):
            (place / f"{name}{number}.bin").write_bytes(pixels.tobytes())
    height, width = mask.shape
    lines = {"height": height, "width": width, "size": 256, "calls": len(calls), "parameters": "some"}
    lines |= dataclasses.asdict(DEFAULTS)
    (place / "case.properties").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    done = java(["wavefill.fill.GoldenRunnerKt", place])
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.fromfile(place / "result.bin", np.uint8).reshape(photo.shape), expected)


@pytest.mark.skipif(unavailable_here() is not None, reason=str(unavailable_here()))
def test_fp32_on_arm_is_at_most_a_level_from_python(shipped_artifacts):
    folder = next(shipped_artifacts.glob("*-onnx-fp32"))
    run, probe = load_artefact(folder, 1), probes(256)[0]
    answers, _, _ = run_android(CORES["cortex-a76"], folder / "model.onnx", probe.noisy[None], probe.mask[None])
    assert differences(answers[0], run(image=probe.noisy, mask=np.ascontiguousarray(probe.mask[:, :, 0]))).max() <= 1


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
