"""``export.load`` against the raw runtimes, on the nine shipped artefacts: it only reshapes, and kept pixels stay."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import export
from export.__main__ import main
from export.parity import EDGE_VALUES
from models.system.privacy import import_onnxruntime

SIZE = 256
THREADS = 2  # the default of export.load; another number may sum in another order
PHOTO = np.ascontiguousarray(skimage.data.astronaut()[100 : 100 + SIZE, 120 : 120 + SIZE])

pytestmark = pytest.mark.slow


def raw_onnx(model: Path):
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return lambda image, mask: session.run(["result"], {"image": image, "mask": mask})[0]


def raw_litert(model: Path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=THREADS)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner()
    return lambda image, mask: runner(image=image, mask=mask)["result"]


def raw_coreml(model: Path):
    from export.coreml.toolkit import can_predict

    if can_predict():
        import coremltools
        from PIL import Image

        package = coremltools.models.MLModel(str(model), compute_units=coremltools.ComputeUnit.CPU_ONLY)

        def predict(image, mask):
            answer = package.predict({"image": Image.fromarray(image[0]), "mask": Image.fromarray(mask[0, :, :, 0])})
            return np.asarray(answer["result"].convert("RGB"))[None]

        return predict
    from export.coreml import evaluator as mil_evaluator

    return mil_evaluator.runner(model, THREADS)


RAW = {"onnx": ("model.onnx", raw_onnx), "litert": ("model.tflite", raw_litert), "coreml": ("model.mlpackage", raw_coreml)}
CELLS = [(backend, scheme) for backend in RAW for scheme in ("fp32", "fp16", "w8a8")]


def blocks(values):
    """A mask of 16x16 blocks that takes every value in turn."""
    index = np.add.outer(np.arange(SIZE) // 16 * 5, np.arange(SIZE) // 16)
    return np.asarray(values, np.uint8)[index % len(values)]


@pytest.mark.parametrize(("backend", "scheme"), CELLS)
def test_load_gives_what_the_runtime_gives(shipped_artifacts, backend, scheme):
    """Bit for bit; and neither argument is written to."""
    folder = shipped_artifacts / f"wavefill-s-256-{backend}-{scheme}"
    name, raw = RAW[backend]
    mask = blocks(EDGE_VALUES)
    image, before = PHOTO.copy(), mask.copy()
    result = export.load(folder)(image=image, mask=mask)
    assert (result.dtype, result.shape) == (np.uint8, (SIZE, SIZE, 3))
    expected = raw(folder / name)(PHOTO[None], mask[None, :, :, None])[0]
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(image, PHOTO)
    np.testing.assert_array_equal(mask, before)


@pytest.mark.parametrize(("backend", "scheme"), CELLS)
def test_kept_pixels_in_the_raw_runtime(shipped_artifacts, backend, scheme):
    """Mask values 0, 1 and 127 keep, 128, 254 and 255 fill: uniform masks, and all values in one."""
    name, raw = RAW[backend]
    run = raw(shipped_artifacts / f"wavefill-s-256-{backend}-{scheme}" / name)
    for mask in (*(np.full((SIZE, SIZE), value, np.uint8) for value in EDGE_VALUES), blocks(EDGE_VALUES)):
        result = run(PHOTO[None], mask[None, :, :, None])[0]
        np.testing.assert_array_equal(result[mask < 128], PHOTO[mask < 128])
        if (mask >= 128).any():
            assert (result[mask >= 128] != PHOTO[mask >= 128]).mean() > 0.5, "the hole was not filled"


@pytest.mark.parametrize("grey", [False, True])
def test_a_photo_of_any_size_is_filled_as_by_the_command(shipped_artifacts, tmp_path, grey):
    folder = shipped_artifacts / "wavefill-s-256-onnx-w8a8"
    photo = np.tile(PHOTO, (2, 2, 1))[:300, :410]
    photo = np.repeat(photo[:, :, :1], 3, axis=2) if grey else photo
    mask = np.zeros((300, 410), np.uint8)
    mask[90:200, 150:290] = 255
    result = export.load(folder).fill(photo, mask)
    np.testing.assert_array_equal(result[mask == 0], photo[mask == 0])
    plain = export.load(folder).fill(photo, mask, parameters=None)
    assert (plain != result).any(axis=2)[mask == 255].mean() > 0.5
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for number, (options, expected) in enumerate((((), result), (("--detail", "off"), plain))):
        out = tmp_path / f"{number}.png"
        words = [*map(str, (tmp_path / "photo.png", tmp_path / "mask.png", out, "--artifact", folder)), *options]
        assert main(["inpaint", *words]) == 0
        np.testing.assert_array_equal(np.asarray(Image.open(out)), expected)


@pytest.mark.parametrize("backend", RAW)
def test_what_is_under_the_hole_does_not_matter(shipped_artifacts, backend):
    run = export.load(shipped_artifacts / f"wavefill-s-256-{backend}-fp32")
    mask = blocks((0, 255, 0))
    other = np.where(mask[:, :, None] >= 128, 255 - PHOTO, PHOTO)
    np.testing.assert_array_equal(run(image=PHOTO, mask=mask), run(image=other, mask=mask))


def test_an_artefact_runs_wherever_it_lies(shipped_artifacts, tmp_path):
    copy = shutil.copytree(shipped_artifacts / "wavefill-s-256-onnx-fp32", tmp_path / "renamed")
    mask = blocks((0, 255))
    np.testing.assert_array_equal(
        export.load(str(copy))(image=PHOTO, mask=mask),
        export.load(shipped_artifacts / "wavefill-s-256-onnx-fp32")(image=PHOTO, mask=mask),
    )
