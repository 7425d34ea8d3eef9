"""Networks that measure, from files: against networks written separately in functions, and ONNX Runtime."""

import zlib

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import torchmetrics.functional.image.lpips as torchmetrics_source
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import nn

from models.features import lpips
from models.features.distance import perceptual_distance
from models.features.network import FeatureNetwork
from models.features.perceptual import ImageDistance, PerceptualNetwork
from models.features.pixels import SCALES
from models.features.squeezenet import FIRES, SqueezeNetTaps
from models.features.vgg import VGG_BLOCKS
from models.losses.perceptual import read_perceptual

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
SQUEEZE_WIDTHS = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128)}
SQUEEZE_WIDTHS |= {9: (256, 48, 192), 10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}


def rgb(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def random_convolution(name, inputs, outputs, kernel):
    # Seeded by its name: which tests ran before must not decide whether planted differences show.
    rng, scale = np.random.default_rng(zlib.crc32(name.encode())), (2 / (inputs * kernel**2)) ** 0.5
    weight = torch.from_numpy(rng.normal(0, scale, (outputs, inputs, kernel, kernel)).astype(np.float32))
    return {f"{name}.weight": weight, f"{name}.bias": torch.from_numpy(rng.normal(0, 0.1, outputs).astype(np.float32))}


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """SqueezeNet with random weights under torchvision's names, in half precision as files often are."""
    tensors = random_convolution("features.0", 3, 64, 3)
    for place, (inputs, squeezed, expanded) in SQUEEZE_WIDTHS.items():
        tensors |= random_convolution(f"features.{place}.squeeze", inputs, squeezed, 1)
        tensors |= random_convolution(f"features.{place}.expand1x1", squeezed, expanded, 1)
        tensors |= random_convolution(f"features.{place}.expand3x3", squeezed, expanded, 3)
    tensors = {name: value.half() for name, value in tensors.items()}
    path = tmp_path_factory.mktemp("squeezenet") / "squeezenet.safetensors"
    save_file(tensors, path)
    return path, {name: value.float() for name, value in tensors.items()}


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """VGG-16's names with random weights."""
    tensors, inputs = {}, 3
    for block, width in zip(VGG_BLOCKS, (64, 128, 256, 512, 512), strict=True):
        for index in block:
            tensors |= random_convolution(f"features.{index}", inputs, width, 3)
            inputs = width
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file(tensors, path)
    return path, tensors


def squeezenet_reference(tensors, images):
    """Layer after layer as torchvision numbers them: 2, 5 and 8 are the poolings."""
    bgr = torch.from_numpy(images[..., ::-1].astype(np.float32) - np.float32([104, 117, 123])).permute(0, 3, 1, 2)

    def convolve(x, name, **options):
        return F.relu(F.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], **options))

    x = convolve(bgr, "features.0", stride=2)
    taps = [x]
    for place in range(2, 13):
        if place in (2, 5, 8):
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        else:
            x = convolve(x, f"features.{place}.squeeze")
            wide = convolve(x, f"features.{place}.expand3x3", padding=1)
            x = torch.cat([convolve(x, f"features.{place}.expand1x1"), wide], 1)
        if place in (4, 7, 9, 10, 11, 12):
            taps.append(x)
    return taps


def distance_reference(a, b):
    """The definition in NumPy, position by position."""
    result = np.zeros(len(a[0]))
    for x, y in zip(a, b, strict=True):
        x, y = (tap.double().numpy() for tap in (x, y))
        u, v = (tap / np.maximum(np.linalg.norm(tap, axis=1, keepdims=True), 1e-12) for tap in (x, y))
        result += np.square(u - v).sum(1).mean((1, 2)) / len(a)
    return result


def test_squeezenet_equals_a_network_of_functions(squeezenet):
    path, tensors = squeezenet
    taps = SqueezeNetTaps.read(path)(rgb(IMAGES))
    expected = squeezenet_reference(tensors, IMAGES)
    assert [tap.shape for tap in taps] == [tap.shape for tap in expected]
    for tap, other in zip(taps, expected, strict=True):
        assert torch.allclose(tap, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))
    assert set(FIRES) == set(SQUEEZE_WIDTHS)


def test_perceptual_distance_is_its_definition(squeezenet):
    path, tensors = squeezenet
    a, b = (squeezenet_reference(tensors, IMAGES[i : i + 1]) for i in range(2))
    measure = ImageDistance(PerceptualNetwork.read(path))
    assert measure(IMAGES[0], IMAGES[1]) == pytest.approx(float(distance_reference(a, b)[0]), abs=1e-4)
    assert measure(IMAGES[1], IMAGES[1]) == pytest.approx(0, abs=1e-6)
    assert perceptual_distance(a, b).item() == pytest.approx(float(distance_reference(a, b)[0]), abs=1e-5)


def test_a_wrong_order_of_colours_is_noticed(squeezenet):
    """The planted error: RGB where the network wants BGR."""
    path, tensors = squeezenet
    right, wrong = squeezenet_reference(tensors, IMAGES), SqueezeNetTaps.read(path)(rgb(IMAGES[..., ::-1].copy()))
    assert not torch.allclose(right[0], wrong[0], rtol=1e-2, atol=1e-2)


def test_vgg_equals_a_network_of_functions(vgg):
    path, tensors = vgg
    network = PerceptualNetwork.read(path)
    assert network.name == "vgg16_distance"
    x = torch.from_numpy((IMAGES / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).permute(0, 3, 1, 2).float()
    expected = []
    # torchvision's `features`: a ReLU behind every convolution, poolings at 4, 9, 16 and 23; the taps are the ReLUs before them.
    for index in range(31):
        if f"features.{index}.weight" in tensors:
            x = F.conv2d(x, tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"], padding=1)
        elif index in (4, 9, 16, 23, 30):
            x = F.max_pool2d(x, 2)
        else:
            x = F.relu(x)
        if index in (3, 8, 15, 22, 29):
            expected.append(x)
    for tap, other in zip(network.taps(rgb(IMAGES)), expected, strict=True):
        assert torch.allclose(tap, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


def test_lpips_weighs_channels_and_adds_taps(vgg, tmp_path):
    path, tensors = vgg
    widths = (64, 128, 256, 512, 512)
    heads = {f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1) for i, width in enumerate(widths)}
    save_file(tensors | heads, tmp_path / "lpips.safetensors")
    network = PerceptualNetwork.read(tmp_path / "lpips.safetensors")
    assert network.name == "lpips_vgg16_distance"
    a, b = (PerceptualNetwork.read(path).taps(rgb(IMAGES[i : i + 1])) for i in range(2))
    expected = 0.0
    for x, y, head in zip(a, b, heads.values(), strict=True):
        u, v = (tap / tap.norm(dim=1, keepdim=True).clamp_min(1e-12) for tap in (x, y))
        expected += float(((u - v).square() * head).sum(1).mean())
    assert ImageDistance(network)(*IMAGES) == pytest.approx(expected, rel=1e-4)
    (last := dict(tensors | heads)).pop("lin4.model.1.weight")
    save_file(last, tmp_path / "four.safetensors")
    with pytest.raises(ValueError, match="4 heads"):
        PerceptualNetwork.read(tmp_path / "four.safetensors")


class TorchvisionFire(nn.Module):
    """What torchvision has at a place of ``features``: torchmetrics takes the network apart by these places."""

    def __init__(self, tensors, name):
        super().__init__()
        self.tensors, self.name = tensors, name

    def forward(self, x):
        weights = {part: self.tensors[f"{self.name}.{part}.weight"] for part in ("squeeze", "expand1x1", "expand3x3")}
        biases = {part: self.tensors[f"{self.name}.{part}.bias"] for part in weights}
        x = F.relu(F.conv2d(x, weights["squeeze"], biases["squeeze"]))
        wide = F.conv2d(x, weights["expand3x3"], biases["expand3x3"], padding=1)
        return torch.cat([F.relu(F.conv2d(x, weights["expand1x1"], biases["expand1x1"])), F.relu(wide)], 1)


def torchvision_features(tensors):
    """``torchvision.models.squeezenet1_1().features`` with given weights; torchvision itself is not installed."""
    first = nn.Conv2d(3, 64, 3, stride=2)
    first.load_state_dict({part: tensors[f"features.0.{part}"] for part in ("weight", "bias")})
    pools = {place: nn.MaxPool2d(3, stride=2, ceil_mode=True) for place in (2, 5, 8)}
    fires = {place: TorchvisionFire(tensors, f"features.{place}") for place in SQUEEZE_WIDTHS}
    return nn.Sequential(first, nn.ReLU(), *((pools | fires)[place] for place in range(2, 13)))


@pytest.fixture(scope="module")
def torchmetrics_lpips(squeezenet):
    """torchmetrics' own LPIPS with its own heads on the random network, and our file of the same."""
    path, tensors = squeezenet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchmetrics_source, "_get_tv_model_features", lambda net, pretrained: torchvision_features(tensors))
        torch.manual_seed(0)  # of random networks some hardly see the difference that the test plants
        theirs = torchmetrics_source._LPIPS(net="squeeze", pnet_rand=True).eval()
    heads = {f"lin{i}.model.1.weight": getattr(theirs, f"lin{i}").model[1].weight.detach().clone() for i in range(7)}
    file = path.with_name("lpips.safetensors")
    save_file(tensors | heads, file)
    return theirs, file


def test_lpips_on_squeezenet_is_that_of_torchmetrics(torchmetrics_lpips, monkeypatch):
    theirs, file = torchmetrics_lpips
    with torch.no_grad():
        published = theirs(*lpips.published_images()).flatten().tolist()
        expected = float(theirs(rgb(IMAGES[:1]), rgb(IMAGES[1:])))
    monkeypatch.setattr(lpips, "PUBLISHED", published)  # as if the random network were the one that is published
    network = PerceptualNetwork.read(file)
    assert network.name == "lpips_squeezenet_distance"
    assert ImageDistance(network)(*IMAGES) == pytest.approx(expected, rel=1e-4)  # float32 sums of two orders
    plain = PerceptualNetwork("planted", SqueezeNetTaps.read(file).eval(), network.heads)
    assert abs(ImageDistance(plain)(*IMAGES) - expected) > 1e-3 * expected, "pixels as Caffe wants them must show"


def test_another_squeezenet_with_lpips_heads_is_refused(torchmetrics_lpips, squeezenet, tmp_path):
    """What is published about LPIPS does not come out of other weights, and that is how they are known."""
    file = torchmetrics_lpips[1]
    with pytest.raises(ValueError, match=r"not LPIPS: it gives .* where LPIPS is 0\.1024 and 0\.0938"):
        PerceptualNetwork.read(file)
    save_file(squeezenet[1] | {"lin0.model.1.weight": torch.ones(1, 64, 1, 1)}, tmp_path / "one.safetensors")
    with pytest.raises(ValueError, match=r"heads for \[64\] channels"):
        PerceptualNetwork.read(tmp_path / "one.safetensors")


def test_perceptual_loss_has_a_gradient_for_the_image_only(squeezenet):
    loss = read_perceptual(squeezenet[0], torch.device("cpu"))
    image, photo = rgb(IMAGES).requires_grad_(), rgb(IMAGES[::-1].copy()).requires_grad_()
    value = loss(image, photo)
    value.backward()
    assert image.grad.abs().sum() > 0
    assert photo.grad is None
    with torch.no_grad():
        halves = [float(loss(image[i : i + 1], photo[i : i + 1])) for i in range(2)]
    assert value.item() == pytest.approx(sum(halves) / 2, rel=1e-5), "normalised per sample"
    black = torch.full((1, 3, 64, 64), -1.0, requires_grad=True)
    loss(black, black.detach()).backward()
    assert torch.isfinite(black.grad).all()


@pytest.mark.parametrize("tensors", [{"a": torch.zeros(1)}, {"features.3.squeeze.weight": torch.zeros(16, 64, 1, 1)}])
def test_other_networks_are_refused(tmp_path, tensors):
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"network|SqueezeNet"):
        PerceptualNetwork.read(tmp_path / "other.safetensors")


# ------------------------------------------------------------------------------------------------ networks from files


def mean_colour(path, dtype=TensorProto.FLOAT, channels_last=False):
    """An ONNX network that averages its input over positions: what goes in can be read off what comes out."""
    shape, axes = ([1, 8, 8, 3], [1, 2]) if channels_last else ([1, 3, 8, 8], [2, 3])
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f", "axes"], ["y"], keepdims=0),
    ]
    ports = [helper.make_tensor_value_info("x", dtype, shape)], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])]
    graph = helper.make_graph(nodes, "mean", *ports, [numpy_helper.from_array(np.array(axes), "axes")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


FLAT = np.full((16, 16, 3), (10, 100, 250), np.uint8)
SCALED = {
    "levels": (10, 100, 250),
    "unit": (10 / 255, 100 / 255, 250 / 255),
    "symmetric": (10 / 127.5 - 1, 100 / 127.5 - 1, 250 / 127.5 - 1),
    "imagenet": ((10 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (250 / 255 - 0.406) / 0.225),
    "caffe": (250 - 104, 100 - 117, 10 - 123),
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("channels_last", [False, True])
def test_networks_get_their_pixels_as_they_want_them(tmp_path, scale, channels_last):
    network = FeatureNetwork(mean_colour(tmp_path / "net.onnx", channels_last=channels_last), scale)
    assert network.name == "net"
    assert network(FLAT).vector == pytest.approx(SCALED[scale], abs=1e-4)
    assert network(FLAT).spatial is None


def test_integer_inputs_get_levels(tmp_path):
    network = FeatureNetwork(mean_colour(tmp_path / "net.onnx", TensorProto.UINT8), name="colour")
    assert network.name == "colour"
    assert network(FLAT).vector == pytest.approx((10, 100, 250))


def test_a_float_network_without_a_scale_is_refused(tmp_path):
    with pytest.raises(ValueError, match="say how its pixels are scaled, one of levels, unit"):
        FeatureNetwork(mean_colour(tmp_path / "net.onnx"))


def test_feature_maps_are_averaged_and_kept_in_part(squeezenet):
    path, tensors = squeezenet
    last = squeezenet_reference(tensors, IMAGES[:1])[-1][0].numpy()
    response = FeatureNetwork(path)(IMAGES[0])
    assert response.vector == pytest.approx(last.mean((1, 2)), rel=1e-3, abs=1e-3)
    assert response.spatial.shape == (7 * last.shape[1] * last.shape[2],)


def test_probabilities_of_logits_and_of_a_rounded_softmax(tmp_path, monkeypatch):
    network = FeatureNetwork(mean_colour(tmp_path / "net.onnx", TensorProto.UINT8))
    monkeypatch.setattr(network, "_run", lambda image: np.array([1.0, -2.0, 3.0]))
    powers = np.exp([1.0, -2.0, 3.0])
    assert network.probabilities(FLAT) == pytest.approx(powers / powers.sum())
    monkeypatch.setattr(network, "_run", lambda image: np.array([0.25, 0.5, 0.0]))
    assert network.probabilities(FLAT) == pytest.approx([1 / 3, 2 / 3, 0])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.pt", b"", "one of .onnx, .tflite, .safetensors"),
        ("net.onnx", b"no model", "ONNX Runtime cannot read it"),
        ("net.tflite", b"no model", "LiteRT cannot read it"),
        ("net.safetensors", b"no model", "truncated or not a safetensors file"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        FeatureNetwork(tmp_path / name)
    with pytest.raises(ValueError, match="no such file"):
        FeatureNetwork(tmp_path / "missing.onnx")
