"""``python -m models teacher``: fills with a denoiser in diffusers' format, the error table, one clear line for every mistake."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import teacher as benchmark
from models.__main__ import main
from models.system.errors import run_main
from models.teacher.commands import errors_table as cli_errors_table
from models.teacher.commands.errors_table import CASES, Case
from models.teacher.large_photo import surroundings
from models.teacher.restore import complete
from models.teacher.samplers import SAMPLERS
from models.teacher.schedule import linear_schedule
from models.teacher.settings import SamplerSettings, parse_settings
from parity_tests.models.teacher.test_denoiser import save_pipeline
from parity_tests.support.exit_code import exit_code

RESTORERS = [name for name, row in SAMPLERS.items() if row.observes and not row.few_step]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A denoiser of 16x16, a photo of another size, a mask."""
    folder = tmp_path_factory.mktemp("work")
    save_pipeline(folder / "ddpm")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8)).save(folder / "photo.png")
    mask = np.zeros((24, 40), dtype=np.uint8)
    mask[5:13, 9:21] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask[:-1]).save(folder / "small.png")
    Image.fromarray(np.full_like(mask, 255)).save(folder / "full.png")
    Image.fromarray(np.zeros_like(mask)).save(folder / "empty.png")
    return folder


def run(capsys, work, *extra, out="out.png", mask="mask.png", sampler="repaint", steps=25, denoiser="ddpm"):
    capsys.readouterr()
    arguments = ["teacher", "inpaint", work / "photo.png", work / mask, work / out, "--denoiser", work / denoiser]
    code = exit_code(main, [*arguments, "--sampler", sampler, "--steps", steps, *extra])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("sampler", RESTORERS)
def test_inpaint(capsys, work, sampler):
    extra = ("--set", "travel_repeat=2") if "travel_repeat" in SAMPLERS[sampler].knobs else ()
    code, out, err = run(capsys, work, *extra, out=f"{sampler}.png", sampler=sampler)
    assert code == 0, err
    assert out.strip() == str(work / f"{sampler}.png")
    photo, mask, result = (np.asarray(Image.open(work / name)) for name in ("photo.png", "mask.png", f"{sampler}.png"))
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    assert not np.array_equal(result[mask > 0], photo[mask > 0])


@pytest.mark.parametrize("layout", ["tiles", "hierarchical"])
@pytest.mark.parametrize("extra", [(), ("--blend",)])
def test_layouts(capsys, work, layout, extra):
    """The hole spans two tiles of the denoiser's 16 pixels; the photo is 24x40."""
    code, _, err = run(capsys, work, "--layout", layout, *extra, out="large.png", sampler="ddnm")
    assert code == 0, err
    photo, mask, result = (np.asarray(Image.open(work / name)) for name in ("photo.png", "mask.png", "large.png"))
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    assert not np.array_equal(result[mask > 0], photo[mask > 0])


def test_surroundings_hold_the_hole_and_a_tile():
    hole = np.zeros((40, 100), dtype=bool)
    hole[3, 97:] = True
    assert surroundings(hole, 16) == (slice(0, 16), slice(84, 100))
    hole[30, 50] = True
    assert surroundings(hole, 16) == (slice(0, 39), slice(42, 100))
    assert surroundings(hole[:10, 90:], 16) == (slice(0, 10), slice(0, 10))


def test_a_seed_gives_one_fill(capsys, work):
    for name, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        assert run(capsys, work, "--seed", seed, out=name, sampler="ddnm")[0] == 0
    a, b, c = ((work / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b != c


def test_blending_removes_a_shift_of_tone():
    """A denoiser that answers too bright, a flat photo: the step at the hole's edge, with and without."""

    def bright(x, sigma):
        return 0 * x + 0.5

    photos, holes = np.full((1, 16, 16, 3), 100, dtype=np.uint8), np.zeros((1, 16, 16), dtype=bool)
    holes[0, 4:12, 4:12] = True
    for name in RESTORERS:
        settings = SamplerSettings(name, 30)
        plain, blended = (
            complete(bright, linear_schedule(30), settings, photos, holes, [0], blend=blend).astype(int)
            for blend in (False, True)
        )
        assert np.array_equal(blended[~holes], photos[~holes])
        assert np.abs(plain[0, 4, 4:12] - 100).mean() > 20, name
        assert np.abs(blended[holes] - 100).mean() < 0.35 * np.abs(plain[holes] - 100).mean(), name


@pytest.mark.parametrize(
    ("changes", "extra", "message"),
    [
        ({"sampler": "magic"}, (), "allowed: guided, repaint, mcg"),
        ({"sampler": "ddpm"}, (), "allowed: guided, repaint, mcg"),
        ({"steps": 0}, (), "at least 1"),
        ({"steps": 1001}, (), "1 to 100"),
        ({}, ("--set", "travel=3"), "travel_length=10, travel_repeat=10"),
        ({}, ("--set", "travel_repeat=many"), "a whole number is needed"),
        ({}, ("--set", "travel_repeat=2.5"), "a whole number is needed"),
        ({}, ("--set", "travel_length=25"), "1 to 24"),
        ({"sampler": "ddnm"}, ("--set", "zeta=1"), "none"),
        ({"sampler": "diffpir"}, ("--set", "zeta=3"), "zeta is 3"),
        ({}, ("--size", "256"), "trained on images of 16"),
        ({}, ("--seed", "-1"), "--seed"),
        ({}, ("--device", "tpu"), "cpu and cuda"),
        ({"mask": "small.png"}, (), "40x23"),
        ({"mask": "full.png"}, (), "full"),
        ({"mask": "empty.png"}, (), "empty"),
        ({"denoiser": "nothing"}, (), "no such folder"),
        ({"denoiser": "ddpm/unet"}, (), "scheduler_config.json missing"),
        ({"out": "out.gif"}, (), ".png"),
    ],
)
def test_mistakes_are_one_line(capsys, work, changes, extra, message):
    before = {path.name for path in work.iterdir()}
    code, out, err = run(capsys, work, *extra, **{"out": "never.png", **changes})
    assert code == 2, err
    assert out == ""
    lines = [line for line in err.splitlines() if "error:" in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err
    assert {path.name for path in work.iterdir()} == before


def test_words_are_knobs_too():
    assert parse_settings("diffpir", 10, ["lambda=4"], observes=True).knobs == {"lambda_": 4.0}
    assert parse_settings("pigdm", 10, ["weighting=paper", "eta=1"], observes=True).knobs == {"weighting": "paper", "eta": 1.0}
    assert parse_settings("ddpm", 10, [], observes=False).row.observes is False


def test_the_error_table(capsys, monkeypatch):
    monkeypatch.setattr(cli_errors_table, "CASES", (Case("ddnm", 30), Case("diffpir", 30, {"zeta": 1.0})))
    assert run_main(main, ["teacher", "errors", "--samples", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["field", "field-random", "mixture", "mixture-random"]
    for rows in found.values():
        assert list(rows) == ["exact draws", "the prior", "ddnm 30 steps", "diffpir 30 steps zeta=1.0"]
        assert rows["exact draws"]["mean"] < rows["ddnm 30 steps"]["mean"] < rows["the prior"]["mean"]
    assert run_main(main, ["teacher", "errors", "--samples", "64", "--problem", "field"]) == 0
    assert "| ddnm 30 steps | 30 |" in capsys.readouterr().out
    capsys.readouterr()
    assert exit_code(main, ["teacher", "errors", "--samples", "3"]) == 2
    assert "--samples: 3 given, at least 32 is needed" in capsys.readouterr().err


def test_every_restorer_is_in_the_table():
    assert {case.sampler for case in CASES} == set(RESTORERS)


def test_the_benchmark_counts_what_the_schedule_says():
    """Lugmayr et al.'s setting; the sampler itself is counted, the schedule is the second opinion."""
    assert benchmark.count_calls() == Case("repaint", 250, {"travel_length": 10, "travel_repeat": 10}).calls == 2410
