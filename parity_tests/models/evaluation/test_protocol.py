"""Baselines, and the evaluation's arithmetic and protocol."""

import builtins

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.data.mask_file import MaskFile
from models.evaluation.baselines import BASELINES, mean_fill
from models.evaluation.metrics.energy import ENERGIES
from models.evaluation.metrics.pixels import IDENTICAL_DB, hole_psnr, image_ssim
from models.evaluation.protocol import Figures, Measured, centre_crop, evaluate, measure, read_cases, run_fill
from models.evaluation.report import CLASSICAL, difference, intervals, report, summary
from models.runner import torch_run
from models.system.errors import ToolchainMissing
from parity_tests.support.small import small_generator

PHOTO = np.ascontiguousarray(skimage.data.coffee()[:64, :80])
HOLE = np.zeros((64, 80), bool)
HOLE[9:40, 12:51] = True


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


@pytest.mark.parametrize(("module", "call"), [("cv2", BASELINES["telea"]), ("skimage", lambda p, h: image_ssim(p, p))])
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
    return [figure(value) for value in psnrs]


def figure(psnr, detail=1.0, detail_photo=2.0, **pixels):
    """Figures of a fill whose energies are all equal."""
    pixels = {"hole_psnr_db": psnr, "hole_l1_levels": 0.0, "psnr_db": 0.0, "ssim": 0.0, **pixels}
    return Figures(pixels, dict.fromkeys(ENERGIES, detail), dict.fromkeys(ENERGIES, detail_photo))


def measured(table, families=None, shares=None):
    count = len(next(iter(table.values())))
    names = [chr(ord("a") + i) for i in range(count)]
    return Measured(names, families or [None] * count, shares or [0.1] * count, table, {})


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
    result = report(measured(table), {})
    assert result.best_baseline == "navier-stokes"
    assert set(CLASSICAL) < set(BASELINES)
    assert result.over_best_baseline["network"]["mean_db"] == pytest.approx(1.5)
    assert result.methods["network"]["hole_psnr_db"] == pytest.approx(23)
    assert result.per_image[1]["name"] == "b"
    assert result.per_image[1]["hole_psnr_db"] == {"network": 24, "telea": 20, "navier-stokes": 22, "mean": 90}


def test_detail_ratio_is_a_ratio_of_sums():
    rows = [figure(0, 1, 10), figure(0, 3, 0)]
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


def test_own_masks_are_seeded_per_image(folders):
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
    result = evaluate(cases, methods, lambda case, fills: seen.append((case.name, sorted(fills))))
    names, table = result.names, result.figures
    assert names == [case.name for case in cases]
    assert result.shares == [case.hole.mean() for case in cases]
    assert seen == [(name, ["network", "truth"]) for name in names]
    assert [row.pixels["hole_psnr_db"] for row in table["truth"]] == [IDENTICAL_DB] * 3
    for case, row in zip(cases, table["network"], strict=True):
        assert row == measure(methods["network"](case.photo, case.hole), case)
        assert row.pixels["hole_psnr_db"] < 40


def test_intervals_agree_with_the_normal_approximation():
    rng = np.random.default_rng(1)
    values = zip(rng.normal(20, 4, 300), rng.gamma(4, 1, 300), rng.gamma(6, 1, 300), strict=True)
    rows = [figure(psnr, detail, photo) for psnr, detail, photo in values]
    found = intervals(rows)
    psnrs = np.array([row.pixels["hole_psnr_db"] for row in rows])
    half = 1.96 * psnrs.std(ddof=1) / np.sqrt(300)
    assert found["hole_psnr_db"] == pytest.approx([psnrs.mean() - half, psnrs.mean() + half], abs=0.15 * half)
    # A ratio of sums by the delta method (Cochran, 1977, eq. 6.9).
    a, b = np.array([(row.fill["detail"], row.photo["detail"]) for row in rows]).T
    ratio = a.sum() / b.sum()
    half = 1.96 * np.std(a - ratio * b, ddof=1) / b.mean() / np.sqrt(300)
    assert found["detail_ratio"] == pytest.approx([ratio - half, ratio + half], abs=0.15 * half)
    assert intervals(rows) == found


def test_groups_by_share_and_purpose():
    families = ["half", "box", "border", "strokes"]
    table = {name: figures(10, 20, 30, 40) for name in ("network", *CLASSICAL)}
    groups = report(measured(table, families, [0.5, 0.1, 0.3, 0.2]), {}).groups
    counts = {name: rows["images"]["count"] for name, rows in groups.items()}
    assert counts == {
        "hole 0-20 %": 2,
        "hole 20-40 %": 1,
        "hole 40-100 %": 1,
        "inpainting": 2,
        "outpainting": 2,
        "family half": 1,
        "family box": 1,
        "family border": 1,
        "family strokes": 1,
    }
    assert groups["outpainting"]["network"] == summary([table["network"][0], table["network"][2]])
    assert groups["hole 0-20 %"]["network"]["hole_psnr_db"] == 30


def test_distance_to_baselines_is_paired():
    def rows(*distances):
        return [figure(20, squeezenet_distance=value) for value in distances]

    table = {"network": rows(0.2, 0.4), "telea": rows(0.3, 0.5), "navier-stokes": rows(0.2, 0.2), "mean": rows(1, 1)}
    found = report(measured(table), {}).distance_to_baselines["network"]
    assert found["telea"]["squeezenet_distance"] == pytest.approx({"mean": -0.1, "low": -0.1, "high": -0.1})
    assert found["navier-stokes"]["squeezenet_distance"]["mean"] == pytest.approx(0.1)


def test_masks_of_a_file_are_used_in_turn_and_only_at_their_size(folders):
    photos, _ = folders
    masks = MaskFile.draw(32, 2, seed=3)
    cases = list(read_cases(photos, masks, 32, seed=0))
    assert [case.family for case in cases] == [masks.families[i] for i in (0, 1, 0)]
    assert np.array_equal(cases[2].hole, masks.holes[0])
    with pytest.raises(ValueError, match="for 32x32 pixels, the images are 16x16"):
        next(read_cases(photos, masks, 16, seed=0))
