"""Schedules against Bayes' rule, diffusers' schedulers and the published pseudo-code."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.teacher.diffusers_folder import import_diffusers
from models.teacher.samplers.step import climb, ddim, descend
from models.teacher.schedule import Schedule, calls, linear_schedule


@pytest.fixture(scope="module")
def diffusers():
    return import_diffusers()


def theirs(scheduler):
    """The same schedule in our letters."""
    return Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), scheduler.betas.double()]))


@given(steps=st.integers(2, 300), t=st.integers(2, 300))
@settings(max_examples=50, deadline=None)
def test_the_posterior_is_bayes_rule(steps, t):
    """q(x_{t-1} | x_t, x_0) is proportional to q(x_t | x_{t-1}) q(x_{t-1} | x_0): two Gaussians in x_{t-1}."""
    schedule = linear_schedule(max(steps, 21))
    t = min(t, schedule.steps)
    before, beta = float(schedule.alpha_bar[t - 1]), float(schedule.betas[t])
    x0, xt = 0.7, -0.4
    precision = (1 - beta) / beta + 1 / (1 - before)
    mean = (math.sqrt(1 - beta) / beta * xt + math.sqrt(before) / (1 - before) * x0) / precision
    from_x0, from_x, variance = schedule.posterior(t)
    assert from_x0 * x0 + from_x * xt == pytest.approx(mean, rel=1e-9)
    assert variance == pytest.approx(1 / precision, rel=1e-9)


def test_the_last_step_is_the_answer():
    assert linear_schedule(50).posterior(1) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("t", [1, 2, 500, 1000])
def test_a_step_down_is_that_of_diffusers(diffusers, t):
    scheduler = diffusers.DDPMScheduler(clip_sample=False)
    schedule = theirs(scheduler)
    rng = torch.Generator().manual_seed(t)
    x, epsilon = torch.randn(2, 3, 4, 4, generator=rng), torch.randn(2, 3, 4, 4, generator=rng)
    step = scheduler.step(epsilon, t - 1, x, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    ours = descend(x, step.pred_original_sample, schedule, t, noise)
    # Their tables are float32: 1 - alpha_bar of 3e-4 has four digits left.
    assert torch.allclose(ours, step.prev_sample, atol=3e-4 if t == 2 else 2e-5)


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_a_ddim_step_is_that_of_diffusers(diffusers, eta):
    scheduler = diffusers.DDIMScheduler(clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(50)
    schedule = theirs(scheduler).respaced([int(t) + 1 for t in reversed(scheduler.timesteps)])
    rng = torch.Generator().manual_seed(0)
    x, epsilon, noise = (torch.randn(2, 3, 4, 4, generator=rng) for _ in range(3))
    for place in (0, 20, 49):
        step = scheduler.step(epsilon, scheduler.timesteps[place], x, eta=eta, variance_noise=noise)
        ours = ddim(x, step.pred_original_sample, schedule, 50 - place, noise, eta)
        assert torch.allclose(ours, step.prev_sample, atol=2e-4), place


def test_ddim_with_all_its_noise_is_ddpm():
    schedule = linear_schedule(40)
    x, x0, noise = (torch.randn(1, 1, 2, 2, dtype=torch.float64) for _ in range(3))
    for t in range(2, 41):
        assert torch.allclose(ddim(x, x0, schedule, t, noise, 1.0), descend(x, x0, schedule, t, noise), atol=1e-12)


@given(steps=st.integers(1, 250))
@settings(max_examples=40, deadline=None)
def test_respacing_keeps_alpha_bar(steps):
    full = linear_schedule(250)
    short = full.respaced(steps)
    assert short.steps == steps
    assert float(short.alpha_bar[-1]) == pytest.approx(float(full.alpha_bar[-1]), rel=1e-12)
    wanted = {round(float(a), 12) for a in full.alpha_bar}
    assert all(round(float(a), 12) in wanted for a in short.alpha_bar)


def test_climbing_undoes_nothing_but_variance():
    """From N(sqrt(a_{t-1}) x_0, 1 - a_{t-1}) one step up gives N(sqrt(a_t) x_0, 1 - a_t)."""
    schedule = linear_schedule(100)
    t = 60
    before, after = float(schedule.alpha_bar[t - 1]), float(schedule.alpha_bar[t])
    rng = torch.Generator().manual_seed(0)
    x = math.sqrt(before) + math.sqrt(1 - before) * torch.randn(200_000, generator=rng, dtype=torch.float64)
    up = climb(x, schedule, t, torch.randn(x.shape, generator=rng, dtype=torch.float64))
    assert float(up.mean()) == pytest.approx(math.sqrt(after), abs=0.01)
    assert float(up.var()) == pytest.approx(1 - after, rel=0.01)


@given(steps=st.integers(2, 60), length=st.integers(1, 59), repeat=st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_travel(steps, length, repeat):
    length = min(length, steps - 1)
    path = linear_schedule(max(steps, 25)).respaced(steps).travel(length, repeat)
    assert path[0] == steps
    assert path[-1] == 0
    assert all(abs(b - a) == 1 for a, b in itertools.pairwise(path))
    assert max(path) == steps
    jumps = len(range(1, steps - length + 1, length))
    assert calls(path) == steps + (repeat - 1) * jumps * length
    assert path.count(0) == 1


def test_travel_of_one_is_algorithm_1():
    """RePaint, algorithm 1: for t = T ... 1, for u = 1 ... U: down; up again if u < U and t > 1."""
    expected = [7]
    for t in range(7, 0, -1):
        for u in range(1, 4):
            expected.append(t - 1)
            if t == 1:
                break
            if u < 3:
                expected.append(t)
    assert linear_schedule(30).respaced(7).travel(1, 3) == expected


def test_the_published_setting_counts():
    """250 steps, jump length 10, 10 resamplings: 24 jumps of 10 states, 9 times each."""
    assert calls(linear_schedule(250).travel(10, 10)) == 250 + 24 * 9 * 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: linear_schedule(0), "at least 1"),
        (lambda: linear_schedule(10), "between 0 and 1"),
        (lambda: linear_schedule(100).respaced(0), "1 to 100"),
        (lambda: linear_schedule(100).respaced(101), "1 to 100"),
        (lambda: linear_schedule(100).respaced([5, 5]), "ascend"),
        (lambda: linear_schedule(100).respaced([0, 5]), "ascend"),
        (lambda: linear_schedule(100).travel(1, 0), "at least 1"),
        (lambda: linear_schedule(100).travel(0, 2), "1 to 99"),
        (lambda: linear_schedule(100).travel(100, 2), "1 to 99"),
        (lambda: Schedule(torch.tensor([0.0])), "at least one step"),
    ],
)
def test_bad_schedules(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_that_leaves_nothing_is_refused():
    """Its respaced schedules would have a beta of 1: with so little signal the quotient of two alpha_bars is lost in rounding."""
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), torch.linspace(1e-4, 0.5, 1000, dtype=torch.float64)])
    with pytest.raises(ValueError, match=r"alpha_bar_T of a schedule is \d+e-1\d\d; below 2e-16 nothing"):
        Schedule(betas)
