"""Metrics against independent formulas, baselines, and the evaluation's arithmetic."""

import builtins

import numpy as np
import pytest
import pywt
import skimage.data
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from models.__main__ import main
from models.baselines import BASELINES, mean_fill
from models.cli_errors import ToolchainMissing, run_main
from models.evaluate import (
    CLASSICAL,
    Figures,
    centre_crop,
    difference,
    evaluate,
    measure,
    read_cases,
    report,
    run_fill,
    summary,
)
from models.inpaint import torch_run
from models.metrics import IDENTICAL_DB, detail_energy, hole_l1, hole_psnr, picture_psnr, picture_ssim
from parity_tests.small import small_generator

PHOTO = np.ascontiguousarray(skimage.data.coffee()[:64, :80])
RNG = np.random.default_rng(0)
OTHER = np.clip(PHOTO + RNG.normal(0, 12, PHOTO.shape), 0, 255).astype(np.uint8)
HOLE = np.zeros((64, 80), bool)
HOLE[9:40, 12:51] = True


def test_hole_psnr_is_scikit_images_on_the_values_in_the_hole():
    expected = peak_signal_noise_ratio(PHOTO[HOLE], OTHER[HOLE], data_range=255)
    assert hole_psnr(OTHER, PHOTO, HOLE) == pytest.approx(expected, abs=1e-9)


def test_hole_psnr_ignores_the_rest_of_the_picture():
    ruined = np.where(HOLE[:, :, None], OTHER, 0).astype(np.uint8)
    assert hole_psnr(ruined, PHOTO, HOLE) == hole_psnr(OTHER, PHOTO, HOLE)
    assert picture_psnr(ruined, PHOTO) < picture_psnr(OTHER, PHOTO)


def test_the_usual_mistake_of_uint8_differences_is_noticed():
    """The planted error: photo - result in uint8 wraps around, and a darker fill looks as bad as black on white."""
    wrapped = 10 * np.log10(255**2 / np.mean((OTHER[HOLE] - PHOTO[HOLE]).astype(float) ** 2))
    assert abs(hole_psnr(OTHER, PHOTO, HOLE) - wrapped) > 1


def test_known_values():
    assert hole_psnr(np.full_like(PHOTO, 10), np.full_like(PHOTO, 11), HOLE) == pytest.approx(48.1308, abs=1e-4)
    assert hole_psnr(np.zeros_like(PHOTO), np.full_like(PHOTO, 255), HOLE) == pytest.approx(0)
    assert hole_l1(np.full_like(PHOTO, 10), np.full_like(PHOTO, 13), HOLE) == 3
    assert hole_psnr(PHOTO, PHOTO, HOLE) == picture_psnr(PHOTO, PHOTO) == IDENTICAL_DB
    assert picture_ssim(PHOTO, PHOTO) == pytest.approx(1)


def test_picture_metrics_equal_scikit_images():
    assert picture_psnr(OTHER, PHOTO) == pytest.approx(peak_signal_noise_ratio(PHOTO, OTHER, data_range=255), abs=1e-9)
    each = [
        structural_similarity(
            PHOTO[..., c], OTHER[..., c], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for c in range(3)
    ]
    assert picture_ssim(OTHER, PHOTO) == pytest.approx(np.mean(each), abs=1e-9)


@pytest.mark.parametrize("shape", [(64, 80), (63, 79), (2, 2)])
def test_detail_energy_equals_pywavelets(shape):
    photo, hole = PHOTO[: shape[0], : shape[1]], HOLE[: shape[0], : shape[1]].copy()
    hole[:2, :2] = True
    rows, columns = shape[0] // 2, shape[1] // 2
    grey = photo[: 2 * rows, : 2 * columns].astype(float).mean(axis=2)
    _, details = pywt.dwt2(grey, "haar")
    expected = 0.0
    for row in range(rows):
        for column in range(columns):
            if hole[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].all():
                expected += sum(float(band[row, column]) ** 2 for band in details)
    assert expected > 0
    assert detail_energy(photo, hole) == pytest.approx(expected, rel=1e-9)


def test_blocks_partly_outside_the_hole_do_not_count():
    hole = np.zeros((64, 80), bool)
    hole[1:3, 1:3] = True  # touches four blocks, fills none
    assert detail_energy(PHOTO, hole) == 0


def test_detail_of_smooth_and_equal_fills():
    cases = [
        Figures(20, 1, 20, 1, detail_energy(fill, HOLE), detail_energy(PHOTO, HOLE)) for fill in (PHOTO, mean_fill(PHOTO, HOLE))
    ]
    assert [summary([case])["detail_ratio"] for case in cases] == [1, 0]


def test_metrics_refuse_what_cannot_be_measured():
    with pytest.raises(ValueError, match="empty"):
        hole_psnr(PHOTO, PHOTO, np.zeros((64, 80), bool))
    with pytest.raises(ValueError, match="do not fit"):
        hole_l1(PHOTO, PHOTO[:-1], HOLE)


# ------------------------------------------------------------------------------------------------ baselines


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_keep_the_known_and_ignore_the_hole(name):
    before = PHOTO.copy()
    result = BASELINES[name](PHOTO, HOLE)
    replaced = np.where(HOLE[:, :, None], 255 - PHOTO, PHOTO)
    assert result.dtype == np.uint8
    assert np.array_equal(result[~HOLE], PHOTO[~HOLE])
    assert np.array_equal(result, BASELINES[name](replaced, HOLE))
    assert np.array_equal(PHOTO, before)
    assert hole_psnr(result, PHOTO, HOLE) > hole_psnr(np.zeros_like(PHOTO), PHOTO, HOLE)


def test_mean_fill_is_the_mean_of_the_known():
    expected = np.round(PHOTO[~HOLE].astype(float).mean(axis=0))
    assert np.abs(mean_fill(PHOTO, HOLE)[HOLE] - expected).max() == 0
    with pytest.raises(ValueError, match="no pixel is known"):
        mean_fill(PHOTO, np.ones((64, 80), bool))


@pytest.mark.parametrize(("module", "call"), [("cv2", BASELINES["telea"]), ("skimage", lambda p, h: picture_ssim(p, p))])
def test_a_missing_package_is_named(monkeypatch, module, call):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == module:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ToolchainMissing, match=r"pip install 'wavefill\[evaluate\]'"):
        call(PHOTO, HOLE)


# ------------------------------------------------------------------------------------------------ evaluation


def figures(*psnrs):
    return [Figures(value, 0, 0, 0, 1, 2) for value in psnrs]


def test_difference_is_the_mean_and_its_interval_holds_it():
    rng = np.random.default_rng(0)
    gaps = rng.normal(1.0, 2.0, 200)
    other = rng.normal(20, 5, 200)
    result = difference(figures(*(other + gaps)), figures(*other))
    assert result["mean_db"] == pytest.approx(gaps.mean())
    # The normal approximation is the independent reference: paired, so the spread of the photos does not widen it.
    half = 1.96 * gaps.std(ddof=1) / np.sqrt(200)
    assert result["low_db"] == pytest.approx(gaps.mean() - half, abs=0.1 * half)
    assert result["high_db"] == pytest.approx(gaps.mean() + half, abs=0.1 * half)
    assert difference(figures(*(other + gaps)), figures(*other)) == result


def test_report_compares_with_the_better_classical_baseline():
    table = {"network": figures(22, 24), "telea": figures(20, 20), "navier-stokes": figures(21, 22), "mean": figures(90, 90)}
    result = report(["a", "b"], table, {})
    assert result.best_baseline == "navier-stokes"
    assert set(CLASSICAL) < set(BASELINES)
    assert result.over_best_baseline["network"]["mean_db"] == pytest.approx(1.5)
    assert result.methods["network"]["hole_psnr_db"] == pytest.approx(23)
    assert result.per_picture[1] == {
        "name": "b",
        "hole_psnr_db": {"network": 24, "telea": 20, "navier-stokes": 22, "mean": 90},
    }


def test_detail_ratio_is_a_ratio_of_sums():
    rows = [Figures(0, 0, 0, 0, 1, 10), Figures(0, 0, 0, 0, 3, 0)]
    assert summary(rows)["detail_ratio"] == pytest.approx(0.4)


@pytest.fixture
def folders(tmp_path):
    """Three photos and two masks of 32 pixels."""
    for index, name in enumerate(("c", "a", "b")):
        Image.fromarray(np.ascontiguousarray(PHOTO[index : index + 50, : 40 + index])).save(tmp_path / f"{name}.png")
    masks = tmp_path / "masks"
    masks.mkdir()
    for index in range(2):
        mask = np.zeros((32, 32), np.uint8)
        mask[4 : 12 + 8 * index, 4:20] = 255
        Image.fromarray(mask).save(masks / f"{index}.png")
    return sorted(tmp_path.glob("*.png")), sorted(masks.iterdir())


def test_cases_follow_the_protocol(folders):
    photos, masks = folders
    cases = list(read_cases(photos, masks, 32, seed=0))
    assert [case.name for case in cases] == ["a.png 0.png", "b.png 1.png", "c.png 0.png"]
    # a.png is rows 1..50 and columns 0..40 of PHOTO; its middle 32x32 begins at row 9 and column 4.
    assert np.array_equal(cases[0].photo, PHOTO[10:42, 4:36])
    assert cases[1].hole.sum() == 16 * 16


def test_own_masks_are_seeded_per_picture(folders):
    photos, _ = folders
    first, again = (list(read_cases(photos, [], 32, seed=5)) for _ in range(2))
    assert all(np.array_equal(a.hole, b.hole) for a, b in zip(first, again, strict=True))
    assert np.array_equal(next(read_cases(photos[:1], [], 32, seed=5)).hole, first[0].hole)
    assert any(not np.array_equal(a.hole, b.hole) for a, b in zip(first, read_cases(photos, [], 32, seed=6), strict=True))


def test_masks_of_another_size_are_scaled(folders):
    photos, masks = folders
    hole = next(read_cases(photos, masks, 16, seed=0)).hole
    assert hole.shape == (16, 16)
    assert hole.sum() == 4 * 8


def test_small_photos_and_useless_masks_are_refused(folders, tmp_path):
    photos, _ = folders
    with pytest.raises(ValueError, match=r"a\.png: 41x50 is smaller than the 64x64 crops"):
        next(read_cases(photos, [], 64, seed=0))
    for name, value in (("full", 255), ("empty", 0)):
        path = tmp_path / f"{name}.png"
        Image.new("L", (32, 32), value).save(path)
        with pytest.raises(ValueError, match=f"the mask is {name}"):
            next(read_cases(photos, [path], 32, seed=0))


def test_centre_crop_of_odd_margins(tmp_path):
    assert np.array_equal(centre_crop(PHOTO, 63, tmp_path), PHOTO[0:63, 8:71])


def test_evaluate_measures_every_method_on_every_case(folders):
    cases = list(read_cases(*folders, 32, seed=0))
    methods = {"network": run_fill(torch_run(small_generator(), 32)), "truth": lambda photo, hole: photo.copy()}
    seen = []
    names, table = evaluate(cases, methods, lambda case, fills: seen.append((case.name, sorted(fills))))
    assert names == [case.name for case in cases]
    assert seen == [(name, ["network", "truth"]) for name in names]
    assert [row.hole_psnr for row in table["truth"]] == [IDENTICAL_DB] * 3
    for case, row in zip(cases, table["network"], strict=True):
        assert row == measure(methods["network"](case.photo, case.hole), case)
        assert row.hole_psnr < 40


@pytest.mark.parametrize("name", ["network", *BASELINES, "photo", "hole"])
def test_an_artefact_cannot_take_another_row_s_name(tmp_path, name, capsys):
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    (tmp_path / name).mkdir()
    arguments = ["evaluate", "--data", str(tmp_path), "--artifact", str(tmp_path / name)]
    assert run_main(main, arguments) == 2
    assert f"a folder cannot be called {name} here" in capsys.readouterr().err
