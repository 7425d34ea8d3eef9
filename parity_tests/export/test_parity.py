"""The parity harness: its figures against another implementation, and planted errors that it must catch."""

import dataclasses

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from export.artifact.manifest import Parity
from export.parity import (
    EDGE_VALUES,
    PHOTOS,
    differs_from_record,
    disagreement,
    edge_mask,
    measure,
    misses,
    probes,
    psnr_db,
    results,
    worst_between,
)
from export.reference import TorchBackend
from export.sources import read_source
from export.tolerances import BETWEEN_BACKENDS_DB, TOLERANCES
from models.data.masks import MASKS
from parity_tests.support import fakes
from quantize.schemes import SCHEMES

SIZE = 64


@pytest.fixture(scope="module")
def probe_set():
    return probes(SIZE)


@pytest.fixture(scope="module")
def runner(tiny_checkpoint):
    """Eager PyTorch on the tiny network, public signature."""
    return TorchBackend().reference(read_source(tiny_checkpoint, None).program(SCHEMES["fp32"], SIZE, "uint8"))


@pytest.fixture(scope="module")
def wanted(runner, probe_set):
    return results(runner, probe_set, "uint8", noisy=False)


def figures(runner, spoil, wanted, probe_set):
    got = results(lambda i, m: spoil(i, m, runner(i, m)), probe_set, "uint8", noisy=True)
    return measure(got, wanted, probe_set, io="uint8", reference="r")


def test_every_scheme_has_its_bar():
    assert TOLERANCES.keys() == SCHEMES.keys()
    assert all(bar.reason for bar in TOLERANCES.values())
    assert BETWEEN_BACKENDS_DB.keys() == {name for name, scheme in SCHEMES.items() if scheme.quantised}


def test_the_bars_are_those_of_the_specification():
    assert (TOLERANCES["fp32"].max_level_difference, TOLERANCES["fp32"].differing_share) == (1, 0.001)
    assert TOLERANCES["fp16"].hole_psnr_db == 50
    assert TOLERANCES["w8a8"].hole_psnr_db == 40


@pytest.mark.parametrize("size", [16, 64, 256, 512])
def test_probes(size):
    made = probes(size)
    assert len(made) == len(PHOTOS) == len(MASKS) + 1
    for probe in made:
        assert probe.image.shape == (size, size, 3)
        assert probe.mask.shape == (size, size, 1)
        assert 0 < probe.hole.mean() < 1
        assert probe.image.std() > 5, f"{probe.name} is flat"
        np.testing.assert_array_equal(probe.image[~probe.hole], probe.noisy[~probe.hole])
        assert (probe.image[probe.hole] != probe.noisy[probe.hole]).mean() > 0.9
    assert all(
        np.array_equal(a.noisy, b.noisy) and np.array_equal(a.mask, b.mask) for a, b in zip(made, probes(size), strict=True)
    )


def test_edge_values_all_occur():
    assert set(np.unique(edge_mask(24, np.random.default_rng(0)))) == set(EDGE_VALUES)


def test_reference_agrees_with_itself(runner, wanted, probe_set):
    parity = figures(runner, lambda i, m, r: r, wanted, probe_set)
    assert parity == Parity("r", len(probe_set), 0, 0.0, None, None, 0)
    assert all(misses(parity, scheme) == [] for scheme in SCHEMES)


def test_psnr_is_that_of_scikit_image():
    rng = np.random.default_rng(3)
    a, b = (rng.integers(0, 256, (40, 3)).astype(np.int16) for _ in range(2))
    assert psnr_db(a - b) == pytest.approx(peak_signal_noise_ratio(a.astype(np.uint8), b.astype(np.uint8)), abs=1e-9)
    assert psnr_db(a - a) is None


def test_figures_count_the_hole_only():
    """One value of one probe is three levels off: the figures can be worked out by hand."""
    probe_set = probes(SIZE)[:2]
    wanted = [probe.image.astype(np.int16) for probe in probe_set]
    got = [array.copy() for array in wanted]
    row, column = np.argwhere(probe_set[1].hole)[0]
    got[1][row, column, 2] += 3
    parity = measure(got, wanted, probe_set, io="uint8", reference="r")
    first, second = (3 * int(probe.hole.sum()) for probe in probe_set)
    assert parity.max_level_difference == 3
    assert parity.differing_share == pytest.approx(1 / (first + second), rel=0.05)  # two digits are kept
    assert parity.hole_psnr_db == round(10 * np.log10(255**2 * (first + second) / 9), 1)
    assert parity.worst_hole_psnr_db == round(10 * np.log10(255**2 * second / 9), 1)
    assert parity.kept_max_difference == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("spoil", [fakes.touch_kept, fakes.leak, fakes.inverted, fakes.wrong_threshold, fakes.noise(60)])
def test_planted_errors_are_caught_in_every_scheme(runner, wanted, probe_set, spoil, scheme):
    assert misses(figures(runner, spoil, wanted, probe_set), scheme)


@pytest.mark.parametrize(
    ("scheme", "caught", "passed"), [("fp32", 1, 0), ("fp16", 2, 1), ("w8", 2, 0), ("w8a16", 1, 0), ("w8a8", 5, 3)]
)
def test_noise_is_measured_against_the_bar(runner, wanted, probe_set, scheme, caught, passed):
    """Uniform noise of +-n levels has a PSNR of 49.9 dB (n = 1), 45.1 (2), 42.1 (3), 38.1 (5)."""
    assert misses(figures(runner, fakes.noise(caught), wanted, probe_set), scheme)
    if scheme != "fp16":  # +-1 level everywhere is 49.9 dB, a hair under that bar
        assert misses(figures(runner, fakes.noise(passed), wanted, probe_set), scheme) == []


def test_a_shift_is_caught(runner, wanted, probe_set):
    assert "levels from the reference" in misses(figures(runner, fakes.shift, wanted, probe_set), "fp32")[0]


def test_one_touched_value_is_named(runner, wanted, probe_set):
    parity = figures(runner, fakes.touch_kept, wanted, probe_set)
    assert parity.kept_max_difference == 1
    assert misses(parity, "w8a8") == ["kept pixels differ from the photo by up to 1 levels (allowed: 0)"]


@pytest.mark.parametrize("broken", [lambda r: r.astype(np.float32), lambda r: r[:, :-1], lambda r: r[0]])
def test_another_shape_or_dtype_is_refused(runner, probe_set, broken):
    with pytest.raises(ValueError, match="result is"):
        results(lambda i, m: broken(runner(i, m)), probe_set, "uint8", noisy=True)


def test_bare_core(tiny_checkpoint, probe_set, wanted):
    """The core, composited by the harness, gives what the shell gives; not-a-number and a small offset are caught."""
    program = read_source(tiny_checkpoint, None).program(SCHEMES["fp32"], SIZE, "float")
    core = TorchBackend().runner(program, 1)
    got = results(core, probe_set, "float", noisy=True)
    parity = measure(got, wanted, probe_set, io="float", reference="r")
    assert misses(parity, "fp32") == []
    assert parity.kept_max_difference is None
    for spoil in (lambda fill: fill * np.nan, lambda fill: fill + 2 / 127.5, lambda fill: -fill):
        spoiled = results(lambda n, h, spoil=spoil: spoil(core(n, h)), probe_set, "float", noisy=True)
        assert misses(measure(spoiled, wanted, probe_set, io="float", reference="r"), "fp32")
    with pytest.raises(ValueError, match="fill is"):
        results(lambda n, h: core(n, h)[:, :1], probe_set, "float", noisy=True)


def test_reference_is_the_network_as_trained(tiny_checkpoint, probe_set):
    """The deployed form (folded, zero-stuffed synthesis) is compared with the trained one, and is not the same module."""
    program = read_source(tiny_checkpoint, None).program(SCHEMES["fp32"], SIZE, "uint8")
    backend = TorchBackend()
    deployed = results(backend.runner(program, 1), probe_set, "uint8", noisy=False)
    trained = results(backend.reference(program), probe_set, "uint8", noisy=False)
    assert misses(measure(deployed, trained, probe_set, io="uint8", reference="r"), "fp32") == []
    program.generator.synthesis.weight *= 0.9  # which the deployed form makes anew from the filters
    changed = results(backend.reference(program), probe_set, "uint8", noisy=False)
    redeployed = results(backend.runner(program, 1), probe_set, "uint8", noisy=False)
    assert misses(measure(redeployed, changed, probe_set, io="uint8", reference="r"), "fp32")


RECORD = Parity("r", 6, 4, 0.55, 48.9, 48.5, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kept_max_difference": 1}, "kept pixels"),
        ({"hole_psnr_db": 45.0}, "hole PSNR"),
        ({"hole_psnr_db": None, "differing_share": 0.0}, "differing share"),
        ({"differing_share": 0.2}, "differing share"),
        ({"probes": 5}, "other probes"),
        ({"reference": "s"}, "other probes"),
    ],
)
def test_a_measurement_unlike_the_record_is_found(changes, message):
    assert any(message in line for line in differs_from_record(dataclasses.replace(RECORD, **changes), RECORD))


def test_small_changes_of_a_measurement_are_allowed():
    assert differs_from_record(dataclasses.replace(RECORD, hole_psnr_db=48.4, differing_share=0.56), RECORD) == []
    few = dataclasses.replace(RECORD, differing_share=0.00001, hole_psnr_db=98.0, max_level_difference=1)
    assert differs_from_record(dataclasses.replace(few, differing_share=0.0, hole_psnr_db=None), few) == []


def test_backends_are_held_to_each_other(wanted, probe_set):
    rng = np.random.default_rng(0)

    def noisy(levels):
        return [array + rng.integers(-levels, levels + 1, array.shape).astype(np.int16) for array in wanted]

    assert disagreement(worst_between(wanted, noisy(2), probe_set), "w8a8") is None
    assert "between them (at least 40 dB)" in disagreement(worst_between(wanted, noisy(9), probe_set), "w8a8")
    assert disagreement(worst_between(wanted, noisy(9), probe_set), "fp16") is None
