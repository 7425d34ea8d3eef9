"""One step of training: which losses it computes, whose weights they move, and what it refuses to go on from."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from models.losses import LOSSES
from models.training.batches import make_batch
from models.training.config import PRESETS
from models.training.descent import Diverged
from models.training.state import TrainState
from models.training.step import Batch, train_step
from parity_tests.support.train_tiny import CPU, Smooth, alone, different

pytestmark = pytest.mark.usefixtures("tiny_presets")


def on_one_batch(config):
    """Figures of every step of a run that is shown the batch of step 0 again and again."""
    state, batch, engine = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0), alone()
    return [train_step(state, batch, config, engine) for _ in range(config.steps)]


def test_training_learns_one_batch():
    config = dataclasses.replace(PRESETS["tiny"], stages=((0, 32, 4),), steps=40, learning_rate=2e-2)
    values = on_one_batch(config)
    assert values[-1]["hole_l1"] < 0.6 * values[0]["hole_l1"]


@pytest.mark.parametrize("adversarial", ["non_saturating", "hinge"])
def test_discriminators_learn_to_tell_a_fixed_generator(adversarial):
    """The generator's rate is next to nothing: what it fills, they must tell from photographs."""
    config = dataclasses.replace(
        PRESETS["tiny-gan"],
        stages=((0, 32, 4),),
        steps=20,
        decay_steps=0,
        learning_rate=1e-12,
        discriminator_rate=1e-2,
        adversarial=adversarial,
    )
    values = on_one_batch(config)
    for name in config.discriminators:
        assert values[-1][f"{name}_discriminator"] < 0.5 * values[0][f"{name}_discriminator"], name
        assert values[-1][f"{name}_generator"] > values[0][f"{name}_generator"], name


def test_the_adversarial_loss_reaches_the_generator():
    """Without any weight on the reconstruction, the generator learns to please its opponents, which hardly move."""
    config = dataclasses.replace(
        PRESETS["tiny-gan"],
        stages=((0, 32, 4),),
        steps=15,
        decay_steps=0,
        learning_rate=2e-2,
        losses={"hole_l1": 0.0},
        feature_matching=0.0,
        discriminator_rate=1e-12,
    )
    values = on_one_batch(config)
    for name in config.discriminators:
        assert values[-1][f"{name}_generator"] < 0.8 * values[0][f"{name}_generator"], name


def test_holes_beyond_the_judged_share_are_out_of_the_game():
    """Half of the batch has holes that are too large: what is left is half of the mean over the others alone."""
    config = dataclasses.replace(PRESETS["tiny-gan"], stages=((0, 32, 4),), judged_share=0.5)
    whole = make_batch(Smooth(), config, 0)
    holes = torch.zeros_like(whole.holes)
    holes[:2, :, 4:20, 4:20], holes[2:, :, 2:30, 2:30] = True, True  # 25 and 77 %

    def figures(batch, config):
        return train_step(TrainState.fresh(config, CPU), batch, config, alone())

    every, small = (figures(Batch(whole.photos[:count], holes[:count]), config) for count in (4, 2))
    unlimited = figures(Batch(whole.photos, holes), dataclasses.replace(config, judged_share=1.0))
    for name in config.discriminators:
        for figure in (f"{name}_generator", f"{name}_discriminator", f"{name}_matching"):
            assert every[figure] == pytest.approx(small[figure] / 2, rel=1e-4)
            assert unlimited[figure] > 1.2 * every[figure]
    assert every["hole_l1"] == pytest.approx(unlimited["hole_l1"], rel=1e-6)


def test_a_step_reports_each_of_its_parts():
    config = PRESETS["tiny-gan"]
    state, engine = TrainState.fresh(config, CPU), alone()
    names = {*config.losses, "gradient"}
    for network in config.discriminators:
        names |= {f"{network}_{part}" for part in ("generator", "discriminator", "matching", "gradient")}
    penalties = {f"{network}_r1" for network in config.discriminators}
    for step in range(4):
        figures = train_step(state, make_batch(Smooth(), config, step), config, engine)
        assert figures.keys() == (names | penalties if step % config.r1_interval == 0 else names)
        assert state.step == step + 1


def test_figures_are_the_losses_at_the_weights_before_the_step():
    config = PRESETS["tiny"]
    state, batch = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0)
    real, hole = batch.photos.float() / 127.5 - 1, batch.holes.float()
    with torch.no_grad():
        fill = state.generator(real * (1 - hole), hole)
    figures = train_step(state, batch, config, alone())
    for name in config.losses:
        assert figures[name] == pytest.approx(float(LOSSES[name](fill, real, hole)), rel=1e-5), name


def _objectives(state, batch, config):
    """The losses of all networks as the configuration's docstring has them, each computed apart, in plain torch."""
    real, hole = batch.photos.float() / 127.5 - 1, batch.holes.float()
    fill = state.generator(real * (1 - hole), hole)
    fake = torch.where(batch.holes, fill, real)
    found = {"": sum(weight * LOSSES[name](fill, real, hole) for name, weight in config.losses.items())}
    for name, weight in config.discriminators.items():
        network = state.discriminators[name]
        (of_fake,), (of_real,), (of_still,) = network(fake, hole), network(real, hole), network(fake.detach(), hole)
        shares = F.interpolate(hole, of_fake.logits.shape[2:], mode="area")
        shares = shares / shares.sum((1, 2, 3), keepdim=True)
        found[""] = found[""] + weight * (shares * -F.logsigmoid(of_fake.logits)).sum() / len(real)
        layers = []
        for a, b in zip(of_fake.features, of_real.features, strict=True):
            cells = F.interpolate(hole, a.shape[2:], mode="area")
            distance = (cells * (a - b.detach()).abs()).sum((1, 2, 3)) / a.shape[1] / cells.sum((1, 2, 3))
            layers.append(distance.mean())
        found[""] = found[""] + config.feature_matching * sum(layers) / len(layers)
        photo = real.clone().requires_grad_()
        (slope,) = torch.autograd.grad(network(photo, hole)[0].logits.sum(), photo, create_graph=True)
        found[name] = (shares * -(F.logsigmoid(of_real.logits) + F.logsigmoid(-of_still.logits))).sum() / len(real)
        found[name] = found[name] + config.r1_interval * config.r1_gamma / 2 * slope.square().sum() / len(real)
    return found


@pytest.mark.parametrize("without", [None, "r1_gamma", "feature_matching"])
def test_each_network_descends_its_own_objective(without):
    """Gradients of one step against losses written out here; no network's loss leaks into another network."""
    config = dataclasses.replace(PRESETS["tiny-gan"], stages=((0, 64, 2),), r1_gamma=1.0, clip_norm=1e6)
    state, batch = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0)
    expected = {}
    for name, objective in _objectives(state, batch, config).items():
        parameters = list(state.networks[name].parameters())
        expected[name] = torch.autograd.grad(objective, parameters, retain_graph=True)
    # The harness can fail: a run without one part of the objective has other gradients.
    if without:
        config = dataclasses.replace(config, **{without: 0.0})
    train_step(state, batch, config, alone())
    worst = {
        name: max(
            float((p.grad - g).abs().max() / g.abs().max()) for p, g in zip(network.parameters(), expected[name], strict=True)
        )
        for name, network in state.networks.items()
    }
    changed = {None: set(), "r1_gamma": {"image", "wavelet"}, "feature_matching": {""}}[without]
    assert {name for name, value in worst.items() if value > 1e-3} == changed, worst


def test_gradients_are_clipped_and_their_norms_told():
    """In a step of plain descent at rate 1 the weights move by the clipped gradient."""
    config = dataclasses.replace(
        PRESETS["tiny-gan"], clip_norm=1e-3, learning_rate=0.5, discriminator_rate=0.5, warmup_steps=0, decay_steps=0
    )
    state = TrainState.fresh(config, CPU)
    state.optimizers = {name: torch.optim.SGD(network.parameters()) for name, network in state.networks.items()}
    before = {name: [p.detach().clone() for p in network.parameters()] for name, network in state.networks.items()}
    figures = train_step(state, make_batch(Smooth(), config, 0), config, alone())
    for name, network in state.networks.items():
        moved = torch.cat([(p.detach() - q).flatten() for p, q in zip(network.parameters(), before[name], strict=True)])
        assert figures[f"{name}_gradient" if name else "gradient"] > config.clip_norm
        assert float(moved.norm()) == pytest.approx(0.5 * config.clip_norm, rel=2e-2)  # float32 weights of about 1 round it


@pytest.mark.parametrize("steps", [1, 5])
def test_the_average_follows_its_recurrence(steps):
    config = PRESETS["tiny"]
    state, engine = TrainState.fresh(config, CPU), alone()
    expected = state.generator.head.weight.detach().double()
    for step in range(steps):
        train_step(state, make_batch(Smooth(), config, step), config, engine)
        decay = min(config.ema_decay, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * state.generator.head.weight.detach().double()
    torch.testing.assert_close(state.ema.head.weight.double(), expected, rtol=1e-5, atol=1e-6)


def test_what_lies_under_the_hole_does_not_reach_the_generator():
    config = PRESETS["tiny"]
    state, batch = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0)
    seen = []
    handle = state.generator.register_forward_pre_hook(lambda module, arguments: seen.append(arguments))
    train_step(state, batch, config, alone())
    handle.remove()
    image, hole = seen[0]
    inside = batch.holes.expand_as(image)
    assert torch.equal(hole, batch.holes.float())
    assert not image[inside].any()
    assert torch.equal(image[~inside], (batch.photos.float() / 127.5 - 1)[~inside])


NAN_IN = {
    "generator": (lambda state: state.generator.head.gain, "hole_l1 is nan"),
    "image": (lambda state: state.discriminators["image"].patches.last.gain, "image_generator is nan"),
    "wavelet": (lambda state: state.discriminators["wavelet"].patches.layers[0].weight, "wavelet_generator is nan"),
}


@pytest.mark.parametrize("network", NAN_IN)
def test_divergence_names_step_and_loss(network):
    config = PRESETS["tiny-gan"]
    state, engine = TrainState.fresh(config, CPU), alone()
    train_step(state, make_batch(Smooth(), config, 0), config, engine)
    parameter, message = NAN_IN[network]
    with torch.no_grad():
        parameter(state)[(0,) * parameter(state).ndim] = float("nan")
    before = {name: value.clone() for name, value in state.tensors().items()}
    # The sums go through all bands, so one bad number may reach another loss of the list first.
    with pytest.raises(Diverged, match=rf"step 1: {message}" if network != "generator" else r"step 1: \w+_l1 is nan"):
        train_step(state, make_batch(Smooth(), config, 1), config, engine)
    after = state.tensors()
    for name, value in before.items():
        assert torch.equal(after[name].nan_to_num(7.0), value.nan_to_num(7.0)), f"{name} moved"
    assert state.step == 1


@pytest.mark.parametrize("network", ["", "image"])
def test_a_gradient_that_is_not_finite_is_a_divergence_of_its_own(network):
    """All losses are numbers, and the derivative of one is not."""
    config = PRESETS["tiny-gan"]
    state = TrainState.fresh(config, CPU)
    next(state.networks[network].parameters()).register_hook(lambda gradient: gradient * float("inf"))
    before = {name: value.clone() for name, value in state.tensors().items()}
    name = f"{network}_gradient" if network else "gradient"
    with pytest.raises(Diverged, match=f"step 0: {name} is (nan|inf)"):
        train_step(state, make_batch(Smooth(), config, 0), config, alone())
    assert different(before, state.tensors()) == []
