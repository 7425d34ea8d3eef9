"""The ablation table: what rows change, the queue, and the verdicts on the talk's takeaways."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.ablations import claims, report
from benchmarks.ablations.measure import fill_of
from benchmarks.ablations.rows import ADVERSARIAL_WEIGHT, REFERENCE, ROWS, Row, configuration, runs
from benchmarks.ablations.variants import on_pixels, prepare
from models.generator import Generator
from models.runner import torch_run
from models.system.errors import run_main
from models.training.state import TrainState
from parity_tests.support.train_tiny import CPU, TINY, one_thread, register, write_smooth

BUDGET = {"spec": "tiny", "seed": 0, "steps": 10, "size": 32, "batch": 2, "rate": 0.01}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    register(monkeypatch.setitem)


def images(seed=0):
    rng = torch.Generator().manual_seed(seed)
    image, hole = torch.rand(2, 3, 32, 32, generator=rng) * 2 - 1, (torch.rand(2, 1, 32, 32, generator=rng) > 0.5).float()
    return image * (1 - hole), hole


def test_the_generator_on_pixels_begins_as_the_one_on_bands():
    """The same function in another basis; its first convolution sees the pixels of a block."""
    torch.manual_seed(0)
    generator = Generator(dataclasses.replace(TINY, noise_channels=2))
    image, hole = images()
    with torch.no_grad():
        before = generator(image, hole)
        on_pixels(generator)
        after, seen = generator(image, hole), generator.analysis(torch.cat([image, hole], 1))
    # Sums of 64 products in float32, in another order.
    assert torch.allclose(before, after, atol=1e-5 * float(before.abs().max()))
    blocks = torch.nn.functional.pixel_unshuffle(torch.cat([image, hole], 1), 4)
    assert torch.equal(seen, blocks)
    with torch.no_grad():
        generator.synthesis.weight.copy_(Generator(TINY).synthesis.weight)
        assert not torch.allclose(before, generator(image, hole), atol=0.01), "the planted error: bands where pixels are"


def test_critics_that_are_not_shown_the_hole():
    for row, same in ((ROWS["mask to the generator only"], True), (ROWS[REFERENCE], False)):
        state = TrainState.fresh(configuration(row, **BUDGET), CPU)
        prepare(state, row)
        image, hole = images()
        for critic in state.discriminators.values():
            first, second = (critic(image, mask)[0].logits for mask in (hole, torch.zeros_like(hole)))
            assert torch.equal(first, second) is same


def test_rows_differ_from_the_reference_in_what_they_are_called_after():
    reference = vars(configuration(ROWS[REFERENCE], **BUDGET))
    for name, row in ROWS.items():
        config = vars(configuration(row, **BUDGET))
        changed = {key for key in config if config[key] != reference[key]}
        expected = {"discriminators"} if row.discriminators != Row().discriminators else set()
        expected |= {"losses"} if row.reconstruction != 1 else set()
        expected |= {"perceptual"} if row.perceptual else set()
        assert changed == expected, name
        assert sum(config["discriminators"].values()) == pytest.approx(ADVERSARIAL_WEIGHT if row.discriminators else 0)


def test_a_network_in_training_fills_as_it_will_when_it_is_deployed():
    torch.manual_seed(1)
    generator = Generator(TINY).eval()
    rng = np.random.default_rng(0)
    photo, hole = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), rng.random((32, 32)) > 0.5
    ours, deployed = fill_of(generator)(photo, hole), torch_run(generator, 32)(image=photo, mask=hole.astype(np.uint8) * 255)
    np.testing.assert_array_equal(ours[~hole], photo[~hole])
    assert np.abs(ours.astype(int) - deployed).max() <= 1, "rounding of a value between two levels"


@pytest.fixture
def queue(tmp_path, capsys):
    """Call the benchmark on smooth photos; returns exit code, stdout and stderr."""
    data, val = write_smooth(tmp_path / "data"), write_smooth(tmp_path / "val", count=3, seed=1)

    def call(out, *words):
        given = [
            "ablations",
            "--data",
            data,
            "--val",
            val,
            "--out",
            tmp_path / out,
            "--spec",
            "tiny",
            "--steps",
            10,
            "--size",
            32,
        ]
        code = run_main(main, [str(word) for word in (*given, "--batch", 2, "--device", "cpu", *words)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


ONLY = ("--row", REFERENCE, "--row", "pixel generator, wavelet critic")


def test_a_queue_is_stopped_and_goes_on_to_the_same_figures(queue, tmp_path):
    one = (*ONLY, "--seeds", 1)
    with one_thread():
        code, out, err = queue("whole", *one, "--json", tmp_path / "whole.json", "--markdown", tmp_path / "page.md")
        assert (code, "run 2 of 2" in err, "left for all" in err) == (0, True, True)
        code, _, err = queue("parts", *one, "--max-minutes", "1e-9", "--json", tmp_path / "parts.json")
        assert (code, "0 of 2 runs are finished; the same command goes on" in err) == (0, True)
        assert "stopped and saved at step 1 of 10" in err
        assert json.loads((tmp_path / "parts.json").read_text())["runs"] == []
        assert queue("parts", *one, "--json", tmp_path / "parts.json")[0] == 0
    whole, parts = (json.loads((tmp_path / f"{name}.json").read_text())["runs"] for name in ("whole", "parts"))
    assert [(run["row"], run["seed"]) for run in whole] == [(name, 0) for name in ONLY[1::2]]
    assert [run["figures"] for run in whole] == [run["figures"] for run in parts]
    assert whole[0]["figures"] != whole[1]["figures"]
    page = (tmp_path / "page.md").read_text()
    assert "tiny, 10 steps of 2 crops of 32 pixels (20 crops)" in page
    assert page.count("| not measured |") == 9
    assert REFERENCE in out
    assert "run 1 of" not in queue("whole", *one)[2], "nothing is made twice"


def test_all_rows_come_once_before_any_comes_twice():
    assert runs(["a", "b"], [0, 1]) == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_what_a_queue_refuses(queue, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    assert queue("whole", *ONLY[:2], "--seeds", 1)[0] == 0
    for out, words, message in (
        ("whole", [*ONLY[:2], "--rate", "0.5"], "holds runs of rate 0.004, not 0.5"),
        ("other", [], "is not empty and holds no queue"),
        ("new", ["--row", "and a perceptual loss"], "give it with --perceptual FILE"),
        ("new", ["--size", 36], "no multiple of 8"),
        ("new", ["--val", tmp_path / "data"], "are in the training set"),
    ):
        code, _, err = queue(out, *words)
        assert (code, err.count("\n")) == (2, 1), err
        assert message in err
    assert not (tmp_path / "new").exists()


SEEN = {
    # row                        PSNR, distance, detail, lattice of two seeds
    REFERENCE: ((20, 0.40, 0.5, 1.1), (21, 0.41, 0.6, 1.2)),
    "mask to the generator only": ((18, 0.50, 0.4, 1.0), (19, 0.52, 0.4, 1.0)),
    "no critic": ((22, 0.60, 0.05, 1.0), (22, 0.61, 0.06, 1.0)),
    "image critic": ((20, 0.45, 0.2, 1.0), (20, 0.46, 0.3, 1.1)),
    "wavelet critic": ((20, 0.45, 0.7, 2.0), (20, 0.46, 0.8, 1.05)),
    "pixel generator, image critic": ((20, 0.5, 0.7, 1.0), (20, 0.5, 0.8, 1.0)),
    "pixel generator, both critics": ((20, 0.5, 0.5, 1.0), (20, 0.5, 0.6, 1.0)),
}


def seen(rows):
    names = (claims.PSNR, claims.DISTANCE, claims.DETAIL, "lattice")
    return {row: [dict(zip(names, seed, strict=True)) for seed in seeds] for row, seeds in rows.items()}


def test_verdicts():
    """Figures made up so that each verdict occurs."""
    figures = seen(SEEN)
    found = [claim.verdict(figures) for claim in claims.CLAIMS]
    assert found == [
        "confirmed",  # every seed has a smaller distance and a larger PSNR with the mask
        "contradicted",  # pixels have more detail
        "undecided",  # more detail, but the lattices overlap
        "confirmed",
        "undecided",
        "not measured",
        "not measured",
        "not measured",
    ]
    assert claims.design_of_critics(figures)[0] == "not measured"
    figures |= seen({"pixel generator, wavelet critic": ((20, 0.5, 0.7, 1.0), (20, 0.5, 0.8, 1.0))})
    # Critics move the mean from 0.055 to 0.75, generators by at most 0.5, seeds by 0.1.
    assert claims.design_of_critics(figures)[0] == "confirmed"


def test_one_seed_is_said_to_be_one():
    records = [{"row": row, "seed": n, "figures": one} for row, seeds in seen(SEEN).items() for n, one in enumerate(seeds)]
    both = [verdict for _, verdict, _ in report.verdicts(records)]
    once = [verdict for _, verdict, _ in report.verdicts([record for record in records if record["seed"] == 0])]
    assert both[0] == "confirmed"
    assert once[0] == "confirmed by one seed"
    assert once[-1] == both[-1] == "not measured"
    assert "One seed so far" in report.markdown(records[:1], dict.fromkeys(("steps", "batch"), 2) | OTHERS, "command", "host")


OTHERS = {"spec": "tiny", "size": 32, "init": None, "count": 3}
