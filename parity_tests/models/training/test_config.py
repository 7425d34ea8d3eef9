"""Training settings: what is refused and how it is said, schedules, JSON there and back."""

import dataclasses
import json
import re

import pytest

from models.training.config import PRESETS, TrainConfig

GAN = PRESETS["adversarial"]


def test_schedules_are_functions_of_the_step():
    config = TrainConfig(stages=((0, 128, 4), (50, 256, 2)), steps=100, warmup_steps=10, decay_steps=20, learning_rate=1e-2)
    assert config.rate(0) == pytest.approx(1e-3)
    assert config.rate(9) == config.rate(79) == pytest.approx(1e-2)
    assert config.rate(90) == pytest.approx(5e-3)
    assert config.rate(90, peak=1e-4) == pytest.approx(5e-5)
    assert config.stage(49) == (128, 4)
    assert config.stage(50) == (256, 2)


def test_the_average_forgets_the_initial_weights_first():
    config = TrainConfig(ema_decay=0.9)
    assert config.ema(0) == pytest.approx(0.1)
    assert config.ema(9) == pytest.approx(10 / 19)
    assert config.ema(10_000) == 0.9


def test_lazy_terms_have_their_steps():
    config = dataclasses.replace(
        GAN, r1_interval=4, perceptual=0.1, perceptual_interval=3, fake_quantisation=1.0, fake_quantisation_interval=5
    )
    assert [step for step in range(12) if config.is_penalty_step(step)] == [0, 4, 8]
    assert [step for step in range(12) if config.is_perceptual_step(step)] == [0, 3, 6, 9]
    assert [step for step in range(12) if config.is_fake_quantisation_step(step)] == [0, 5, 10]
    never = dataclasses.replace(config, r1_gamma=0.0, perceptual=0.0, fake_quantisation=0.0)
    assert not any(
        never.is_penalty_step(step) or never.is_perceptual_step(step) or never.is_fake_quantisation_step(step)
        for step in range(12)
    )


def test_a_state_of_before_a_renaming_is_read():
    fields = json.loads(dataclasses.replace(GAN, fake_quantisation=0.5, fake_quantisation_interval=3).to_json())
    old = {key.replace("fake_quantisation", "rounding"): value for key, value in fields.items()}
    assert old != fields
    assert TrainConfig.from_json(json.dumps(old)) == TrainConfig.from_json(json.dumps(fields))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    assert PRESETS[name].preset == name
    assert TrainConfig.from_json(PRESETS[name].to_json()) == PRESETS[name]


def test_the_order_of_rows_survives_json_too():
    """Sums are taken in this order, and initial weights are drawn in it."""
    config = TrainConfig(losses={"hole_tv": 0.1, "band_l1": 1.0}, discriminators={"wavelet": 0.2, "image": 0.1})
    back = TrainConfig.from_json(config.to_json())
    assert list(back.losses) == list(config.losses)
    assert list(back.discriminators) == list(config.discriminators)


def test_the_full_recipe_has_a_discriminator_in_each_domain():
    assert {"image", "wavelet"} <= GAN.discriminators.keys()
    assert GAN.feature_matching > 0
    assert GAN.r1_gamma > 0
    assert set(GAN.losses) & {"hole_l1", "hole_l2", "coarse_l1", "coarse_l2"}, "a reconstruction loss keeps it stable"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps", "expected key=value"),
        ("speed=3", "expected key=value with a key of"),
        ("preset=l1", "expected key=value with a key of"),
        ("steps=many", "steps is of type int"),
        ("steps=0", "steps must be at least 1"),
        ("decay_steps=-1", "decay_steps at least 0"),
        ("spec=wavefill-xl", "allowed: wavefill-s"),
        ("stages=[[0,100,4]]", "no multiple of 128"),
        ("stages=[[5,128,4]]", "first stage must begin at step 0"),
        ("stages=[[0,128,4],[0,256,4]]", "must begin at ascending steps"),
        ("stages=[]", "each is [first step"),
        ("stages=[1]", "each is [first step"),
        ("stages=[[0,128]]", "each is [first step"),
        ("stages=[[0,128,1.5]]", "each is [first step"),
        ("stages=[[0,128,1000000000]]", "allowed: 1 to 4096"),
        ("learning_rate=0", "must lie between 0 and 1"),
        ("learning_rate=fast", "learning_rate is of type float"),
        ("ema_decay=1", "must lie between 0 and 1"),
        ("losses={}", "losses are none"),
        ('losses={"hole_l3":1}', "allowed: hole_l1"),
        ('losses={"hole_l1":"a"}', "numbers from 0 on"),
        ('losses={"hole_l1":true}', "numbers from 0 on"),
        ('losses={"hole_l1":Infinity}', "numbers from 0 on"),
        ("betas=[0.9]", "two numbers between 0 and 1"),
        ("clip_norm=NaN", "clip_norm is nan"),
        ("clip_norm=-1", "clip_norm is -1"),
        ("seed=-1", "seed is -1"),
        ("discriminators=image", "discriminators is of type dict"),
        (
            'discriminators={"pixel":1}',
            "discriminators are pixel; allowed: image, wavelet, structure, structure_wavelet, multiscale",
        ),
        ('discriminators={"image":-1}', "discriminators have weights [-1]; numbers from 0 on"),
        ('discriminators={"image":NaN}', "numbers from 0 on"),
        ("adversarial=wasserstein", "adversarial is 'wasserstein'; allowed: non_saturating, hinge"),
        ("discriminator_rate=0", "must lie between 0 and 1"),
        ("discriminator_rate=1", "must lie between 0 and 1"),
        ("r1_gamma=-0.1", "r1_gamma is -0.1; numbers from 0 on"),
        ("r1_gamma=NaN", "r1_gamma is nan"),
        ("r1_interval=0", "r1_interval is 0; it must be at least 1"),
        ("r1_interval=1.5", "r1_interval is of type int"),
        ("feature_matching=-1", "feature_matching is -1"),
        ("feature_matching=0.5", "feature_matching needs a discriminator"),
        ("coarse_gradient=1.5", "coarse_gradient is 1.5; it must lie between 0 and 1"),
        ("coarse_gradient=-0.1", "coarse_gradient is -0.1"),
        ("judged_share=1.5", "judged_share is 1.5; it must lie between 0 and 1"),
        ("large_holes=-0.1", "large_holes is -0.1; it must lie between 0 and 1"),
        ("perceptual=Infinity", "perceptual is inf"),
        ("fake_quantisation=-1", "fake_quantisation is -1.0; numbers from 0 on"),
        ("fake_quantisation_interval=0", "fake_quantisation_interval is 0; it must be at least 1"),
        ("perceptual_interval=0", "perceptual_interval is 0; it must be at least 1"),
        ("precision=fp16", "precision is 'fp16'; allowed: auto, fp32, bf16"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        TrainConfig().with_settings([setting])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("r1_gamma=1", "r1_gamma", 1.0),
        ('discriminators={"image":1}', "discriminators", {"image": 1}),
        ("adversarial=hinge", "adversarial", "hinge"),
        ("stages=[[0,256,2]]", "stages", ((0, 256, 2),)),
        ("betas=[0.5,0.9]", "betas", (0.5, 0.9)),
    ],
)
def test_settings_are_read(setting, field, value):
    changed = TrainConfig().with_settings([setting])
    assert getattr(changed, field) == value
    assert dataclasses.replace(changed, **{field: getattr(TrainConfig(), field)}) == TrainConfig(), "and nothing else changed"


def test_settings_are_checked_together():
    """Each is allowed by itself, or becomes so by another one."""
    both = TrainConfig().with_settings(["feature_matching=0.5", 'discriminators={"image":0.1}'])
    assert (both.feature_matching, both.discriminators) == (0.5, {"image": 0.1})
    with pytest.raises(ValueError, match="feature_matching needs a discriminator"):
        GAN.with_settings(["discriminators={}"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stages": 3}', '{"stages": [], "betas": [], "speed": 1}'])
def test_a_damaged_configuration_is_refused(text):
    with pytest.raises(ValueError, match="training configuration"):
        TrainConfig.from_json(text)


@pytest.mark.parametrize(("key", "value"), [("seed", -1), ("adversarial", "none"), ("discriminators", {"pixel": 1.0})])
def test_a_configuration_from_a_file_is_checked_like_settings(key, value):
    raw = json.loads(GAN.to_json())
    with pytest.raises(ValueError, match=f"training configuration: {key}"):
        TrainConfig.from_json(json.dumps({**raw, key: value}))
