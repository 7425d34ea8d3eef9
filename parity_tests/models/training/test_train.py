"""One step of training and one process: what a step computes, and that a stopped run goes on to the same weights."""

import dataclasses
import json
import signal

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors import safe_open
from safetensors.torch import save_file

from models.checkpoint import load_checkpoint
from models.data.batches import batches, make_batch
from models.losses import LOSSES
from models.training.config import PRESETS
from models.training.loop import Limits
from models.training.state import MOMENTS, TrainState
from models.training.step import Diverged, train_step
from parity_tests.support.train_tiny import CPU, TINY, Smooth, alone, different, go_on, one_thread, register, saved, saved_step

PRESET_NAMES = ["tiny", "tiny-gan"]


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    with pytest.MonkeyPatch.context() as patch, one_thread():
        register(patch.setitem)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory, _tiny):
    """What runs that nobody stopped end with, each run once: configuration -> tensors."""
    found = {}

    def end(config):
        key = config.to_json()
        if key not in found:
            folder = tmp_path_factory.mktemp("whole")
            go_on(config, folder)
            found[key] = saved(folder)
        return found[key]

    return end


def _stop_in_the_middle(monkeypatch, number, steps):
    """A signal arrives between the optimisers and the moving average of these steps."""
    update = TrainState.update_average

    def interrupted(state, decay):
        if state.step in steps:
            signal.raise_signal(number)
        update(state, decay)

    monkeypatch.setattr(TrainState, "update_average", interrupted)
    return lambda: monkeypatch.setattr(TrainState, "update_average", update)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_stopped_and_resumed_run_ends_in_the_same_bits(whole, tmp_path, monkeypatch, capsys, preset, number):
    config = PRESETS[preset]
    undisturbed = _stop_in_the_middle(monkeypatch, number, (2, 6, 7))
    for step in (3, 7, 8):
        with pytest.raises(KeyboardInterrupt):
            go_on(config, tmp_path / "parts")
        assert saved_step(tmp_path / "parts") == step, "the step in progress was finished and saved"
        assert f"stopped and saved at step {step} of 12; --resume goes on" in capsys.readouterr().err
    undisturbed()
    go_on(config, tmp_path / "parts")
    assert different(whole(config), saved(tmp_path / "parts")) == []


def test_another_seed_ends_elsewhere(whole):
    """The comparison of the tests on resuming can fail."""
    config = PRESETS["tiny-gan"]
    one, other = whole(config), whole(dataclasses.replace(config, seed=1))
    assert {name for name in one if name.endswith("weight")} <= set(different(one, other))


@pytest.fixture(scope="module")
def halfway(tmp_path_factory, _tiny):
    """Configuration and folder of a run that was stopped in its middle."""
    # With a beta of 0, as in the full recipe, Adam has no momentum to lose.
    config = dataclasses.replace(PRESETS["tiny-gan"], betas=(0.5, 0.99))
    folder = tmp_path_factory.mktemp("halfway")
    with pytest.MonkeyPatch.context() as patch:
        _stop_in_the_middle(patch, signal.SIGINT, (5,))
        with pytest.raises(KeyboardInterrupt):
            go_on(config, folder)
    return config, folder


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("network", ["", "image."])
def test_a_state_without_its_moments_ends_elsewhere(whole, halfway, tmp_path, network, moment):
    """Nothing that is saved is superfluous, and the comparison can fail: one network's momentum or scale is lost."""
    config, folder = halfway
    file = folder / "state.safetensors"
    with safe_open(file, "pt") as opened:
        header = opened.metadata()
    tensors = saved(folder)
    lost = [name for name in tensors if name.startswith(f"{network}{moment}.")]
    assert lost
    assert any(tensors[name].any() for name in lost)
    tensors |= {name: torch.zeros_like(tensors[name]) for name in lost}
    save_file(tensors, tmp_path / "state.safetensors", metadata=header)
    go_on(config, tmp_path)
    assert any(name.startswith(f"{network}weight.") for name in different(whole(config), saved(tmp_path)))


def test_training_learns_one_batch():
    config = dataclasses.replace(PRESETS["tiny"], stages=((0, 32, 4),), steps=40, learning_rate=2e-2)
    state, batch, engine = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0), alone()
    values = [train_step(state, batch, config, engine)["hole_l1"] for _ in range(config.steps)]
    assert values[-1] < 0.6 * values[0]


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
    state, batch, engine = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0), alone()
    values = [train_step(state, batch, config, engine) for _ in range(config.steps)]
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
    state, batch, engine = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0), alone()
    values = [train_step(state, batch, config, engine) for _ in range(config.steps)]
    for name in config.discriminators:
        assert values[-1][f"{name}_generator"] < 0.8 * values[0][f"{name}_generator"], name


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
        parameters = list(state.networks()[name].parameters())
        expected[name] = torch.autograd.grad(objective, parameters, retain_graph=True)
    # The harness can fail: a run without one part of the objective has other gradients.
    if without:
        config = dataclasses.replace(config, **{without: 0.0})
    train_step(state, batch, config, alone())
    worst = {
        name: max(
            float((p.grad - g).abs().max() / g.abs().max()) for p, g in zip(network.parameters(), expected[name], strict=True)
        )
        for name, network in state.networks().items()
    }
    changed = {None: set(), "r1_gamma": {"image", "wavelet"}, "feature_matching": {""}}[without]
    assert {name for name, value in worst.items() if value > 1e-3} == changed, worst


def test_gradients_are_clipped_and_their_norms_told():
    """In a step of plain descent at rate 1 the weights move by the clipped gradient."""
    config = dataclasses.replace(
        PRESETS["tiny-gan"], clip_norm=1e-3, learning_rate=0.5, discriminator_rate=0.5, warmup_steps=0, decay_steps=0
    )
    state = TrainState.fresh(config, CPU)
    state.optimizers = {name: torch.optim.SGD(network.parameters()) for name, network in state.networks().items()}
    before = {name: [p.detach().clone() for p in network.parameters()] for name, network in state.networks().items()}
    figures = train_step(state, make_batch(Smooth(), config, 0), config, alone())
    for name, network in state.networks().items():
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
    torch.testing.assert_close(state.average.head.weight.double(), expected, rtol=1e-5, atol=1e-6)


def test_what_lies_under_the_hole_does_not_reach_the_generator():
    config = PRESETS["tiny"]
    state, batch = TrainState.fresh(config, CPU), make_batch(Smooth(), config, 0)
    seen = []
    handle = state.generator.register_forward_pre_hook(lambda module, arguments: seen.append(arguments))
    train_step(state, batch, config, alone())
    handle.remove()
    picture, hole = seen[0]
    inside = batch.holes.expand_as(picture)
    assert torch.equal(hole, batch.holes.float())
    assert not picture[inside].any()
    assert torch.equal(picture[~inside], (batch.photos.float() / 127.5 - 1)[~inside])


def test_batches_are_the_same_from_whatever_step_they_begin():
    config = PRESETS["tiny-gan"]
    engine = alone()
    whole = list(batches(Smooth(), config, 0, engine.share))
    assert len(whole) == config.steps
    for got, expected in zip(batches(Smooth(), config, 5, engine.share), whole[5:], strict=True):
        assert torch.equal(got.photos, expected.photos)
        assert torch.equal(got.holes, expected.holes)
    assert not torch.equal(whole[0].photos, whole[1].photos)


def test_worker_processes_make_the_same_batches():
    config = PRESETS["tiny-gan"]
    engine = alone()
    made = list(batches(Smooth(), config, 2, engine.share, workers=2))
    expected = list(batches(Smooth(), config, 2, engine.share))
    assert len(made) == len(expected) == config.steps - 2
    for got, one in zip(made, expected, strict=True):
        assert torch.equal(got.photos, one.photos)
        assert torch.equal(got.holes, one.holes)


def test_run_writes_a_checkpoint_of_the_average(tmp_path):
    config = PRESETS["tiny-gan"]
    state = go_on(config, tmp_path)
    shipped = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert shipped.spec == TINY
    for name, value in state.average.state_dict().items():
        assert torch.equal(shipped.state_dict()[name], value.contiguous()), name
    assert any(not torch.equal(a, b) for a, b in zip(state.average.parameters(), state.generator.parameters(), strict=True))
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 12
    assert set(config.losses) < set(last)


def test_a_log_continues_from_the_state_that_was_saved(tmp_path, monkeypatch):
    """A kill comes after steps were logged and before they were saved, and cuts the last line off."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr("models.training.log.LOG_STEPS", 1)
    config, folder = PRESETS["tiny"], tmp_path / "parts"
    go_on(config, tmp_path / "whole")
    undisturbed = _stop_in_the_middle(monkeypatch, signal.SIGINT, (2, 6))
    with pytest.raises(KeyboardInterrupt):
        go_on(config, folder)
    early = (folder / "state.safetensors").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        go_on(config, folder)
    undisturbed()
    (folder / "state.safetensors").write_bytes(early)
    log = folder / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 8, "hole_l')
    go_on(config, folder)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    whole = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["gradient"] for line in lines] == [line["gradient"] for line in whole]
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("gradient")] == list(range(1, 13))


def test_a_run_stops_after_its_minutes(tmp_path, capsys):
    go_on(PRESETS["tiny"], tmp_path, limits=Limits(minutes=1e-9, sample_steps=0))
    assert saved_step(tmp_path) == 1
    assert "stopped and saved at step 1 of 12" in capsys.readouterr().err


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
    next(state.networks()[network].parameters()).register_hook(lambda gradient: gradient * float("inf"))
    before = {name: value.clone() for name, value in state.tensors().items()}
    name = f"{network}_gradient" if network else "gradient"
    with pytest.raises(Diverged, match=f"step 0: {name} is (nan|inf)"):
        train_step(state, make_batch(Smooth(), config, 0), config, alone())
    assert different(before, state.tensors()) == []


def test_state_of_another_network_is_refused(tmp_path):
    config = PRESETS["tiny-gan"]
    TrainState.fresh(config, CPU).save(tmp_path / "state.safetensors", config)
    for settings in (["spec=wavefill-s", "stages=[[0,128,1]]"], ['discriminators={"image":0.1}']):
        with pytest.raises(ValueError, match="tensors do not fit its spec"):
            TrainState.load(tmp_path / "state.safetensors", CPU, settings)
