"""Metrics in pixels against scikit-image and torchmetrics."""

import numpy as np
import pytest
import skimage.data
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torch_psnr
from torchmetrics.functional.image import structural_similarity_index_measure as torch_ssim

from models.evaluation.metrics.pixels import IDENTICAL_DB, PIXEL_METRICS, hole_l1, hole_psnr, image_psnr, image_ssim

PHOTO = np.ascontiguousarray(skimage.data.coffee()[:64, :80])
RNG = np.random.default_rng(0)
OTHER = np.clip(PHOTO + RNG.normal(0, 12, PHOTO.shape), 0, 255).astype(np.uint8)
HOLE = np.zeros((64, 80), bool)
HOLE[9:40, 12:51] = True


def planes(image):
    return torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[None]


def reference_hole_psnr(result, photo, hole):
    values = (torch.from_numpy(image[hole].astype(np.float64)) for image in (result, photo))
    return float(torch_psnr(*values, data_range=255.0))


def reference_hole_l1(result, photo, hole):
    pairs = zip(result[hole].ravel().tolist(), photo[hole].ravel().tolist(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (3 * hole.sum())


def reference_ssim(result, photo, hole):
    """scikit-image on each colour by itself, in floats."""
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return np.mean([structural_similarity(result[..., c] * 1.0, photo[..., c] * 1.0, **options) for c in range(3)])


REFERENCES = {
    "hole_psnr_db": reference_hole_psnr,
    "hole_l1_levels": reference_hole_l1,
    "psnr_db": lambda result, photo, hole: float(torch_psnr(planes(result), planes(photo), data_range=255.0)),
    "ssim": reference_ssim,
}


@pytest.mark.parametrize("name", PIXEL_METRICS)
@pytest.mark.parametrize("noise", [1.0, 12.0, 60.0])
def test_every_metric_agrees_with_another_implementation(name, noise):
    rng = np.random.default_rng(int(noise))
    other = np.clip(PHOTO + rng.normal(0, noise, PHOTO.shape), 0, 255).astype(np.uint8)
    assert PIXEL_METRICS[name](other, PHOTO, HOLE) == pytest.approx(REFERENCES[name](other, PHOTO, HOLE), abs=1e-4)


def test_ssim_agrees_with_torchmetrics():
    """torchmetrics averages the whole map; ours leaves out the margin of half a window, as scikit-image does."""
    photo = skimage.data.coffee()
    other = np.clip(photo + np.random.default_rng(1).normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    _, full = structural_similarity(other, photo, channel_axis=2, data_range=255, **options)
    assert full.mean() == pytest.approx(float(torch_ssim(planes(other), planes(photo), sigma=1.5, data_range=255.0)), abs=1e-4)
    assert image_ssim(other, photo) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


@pytest.mark.parametrize("name", PIXEL_METRICS)
def test_every_metric_tells_more_damage_from_less(name):
    """The planted error: a metric that ignores its inputs, or takes one of them twice."""
    worse = np.clip(PHOTO + RNG.normal(0, 50, PHOTO.shape), 0, 255).astype(np.uint8)
    values = [PIXEL_METRICS[name](result, PHOTO, HOLE) for result in (PHOTO, OTHER, worse)]
    assert values == sorted(values, reverse=name != "hole_l1_levels")
    assert len(set(values)) == 3


def test_hole_psnr_is_scikit_images_on_the_values_in_the_hole():
    expected = peak_signal_noise_ratio(PHOTO[HOLE], OTHER[HOLE], data_range=255)
    assert hole_psnr(OTHER, PHOTO, HOLE) == pytest.approx(expected, abs=1e-9)


def test_hole_psnr_ignores_the_rest_of_the_image():
    ruined = np.where(HOLE[:, :, None], OTHER, 0).astype(np.uint8)
    assert hole_psnr(ruined, PHOTO, HOLE) == hole_psnr(OTHER, PHOTO, HOLE)
    assert image_psnr(ruined, PHOTO) < image_psnr(OTHER, PHOTO)


def test_the_usual_mistake_of_uint8_differences_is_noticed():
    """The planted error: photo - result in uint8 wraps around, and a darker fill looks as bad as black on white."""
    wrapped = 10 * np.log10(255**2 / np.mean((OTHER[HOLE] - PHOTO[HOLE]).astype(float) ** 2))
    assert abs(hole_psnr(OTHER, PHOTO, HOLE) - wrapped) > 1


def test_known_values():
    assert hole_psnr(np.full_like(PHOTO, 10), np.full_like(PHOTO, 11), HOLE) == pytest.approx(48.1308, abs=1e-4)
    assert hole_psnr(np.zeros_like(PHOTO), np.full_like(PHOTO, 255), HOLE) == pytest.approx(0)
    assert hole_l1(np.full_like(PHOTO, 10), np.full_like(PHOTO, 13), HOLE) == 3
    assert hole_psnr(PHOTO, PHOTO, HOLE) == image_psnr(PHOTO, PHOTO) == IDENTICAL_DB
    assert image_ssim(PHOTO, PHOTO) == pytest.approx(1)


def test_image_metrics_equal_scikit_images():
    assert image_psnr(OTHER, PHOTO) == pytest.approx(peak_signal_noise_ratio(PHOTO, OTHER, data_range=255), abs=1e-9)
    each = [
        structural_similarity(
            PHOTO[..., c], OTHER[..., c], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for c in range(3)
    ]
    assert image_ssim(OTHER, PHOTO) == pytest.approx(np.mean(each), abs=1e-9)


def test_metrics_refuse_what_cannot_be_measured():
    with pytest.raises(ValueError, match="empty"):
        hole_psnr(PHOTO, PHOTO, np.zeros((64, 80), bool))
    with pytest.raises(ValueError, match="do not fit"):
        hole_l1(PHOTO, PHOTO[:-1], HOLE)
