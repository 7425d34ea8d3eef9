"""Networks that an evaluation measures with, from the command line; and what is missing without them."""

import argparse
from pathlib import Path

from models.checkpoint import sha256
from models.evaluation.protocol import Instruments
from models.features.network import FeatureNetwork
from models.features.perceptual import ImageDistance, PerceptualNetwork
from models.features.pixels import SCALES

NEEDS = {
    # measure                              flags that bring it            what to say
    "SqueezeNet perceptual distance": ("perceptual", "give SqueezeNet v1.1 with --perceptual FILE"),
    "LPIPS": (
        "lpips",
        "give torchvision's SqueezeNet or VGG-16 with LPIPS's heads in its file with --perceptual FILE",
    ),
    "FD, KD, precision, recall": ("features", "give a feature network with --features NET"),
    "FID, sFID, KID": ("inception", "they are defined on one Inception network: give it with --inception NET"),
    "Inception Score": ("inception_classes", "give that network's classes with --inception-classes NET"),
    "classification agreement": ("classifier", "give a classifier with --classifier NET"),
}
"""Measures that need a file: a measure whose file is not given is reported so, and never replaced by another."""


def read_instruments(args: argparse.Namespace) -> tuple[Instruments, frozenset[str], dict[str, str]]:
    """Read every network that the command line names.

    Returns:
        The instruments, the names of those that are the Inception network, and reasons by missing measure.

    Raises:
        ValueError: a file is missing or of another kind, or two networks have one name.
        ToolchainMissing: the runtime of a network is not installed.
    """
    distances, given = {}, {key for key in ("features", "classifier", "inception", "inception_classes") if getattr(args, key)}
    for path in args.perceptual:
        network = PerceptualNetwork.read(path)
        if network.name in distances:
            raise ValueError(f"{path}: a second network of {network.name}; give each distance's network once")
        distances[network.name] = ImageDistance(network)
        given.add("lpips" if network.heads else "perceptual")
    features = [_read(text) for text in args.features]
    classifiers = [_read(text) for text in args.classifier]
    inception = set()
    for text, networks in ((args.inception, features), (args.inception_classes, classifiers)):
        if text:
            networks.append(_read(text))
            inception.add(networks[-1].name)
    for networks in (features, classifiers):
        names = [network.name for network in networks]
        if len(set(names)) != len(names):
            raise ValueError(f"two networks of one name among {', '.join(names)}; name them: NAME=FILE")
    missing = {measure: reason for measure, (flag, reason) in NEEDS.items() if flag not in given}
    return Instruments(distances, features, classifiers), frozenset(inception), missing


def _parse(text: str) -> tuple[str | None, Path, str | None]:
    """``[NAME=]FILE[:SCALE]``."""
    name, equals, rest = text.partition("=")
    if not equals:
        name, rest = "", text
    path, colon, scale = rest.rpartition(":")
    return (name or None), Path(path if colon and scale in SCALES else rest), (scale if colon and scale in SCALES else None)


def _read(text: str) -> FeatureNetwork:
    name, path, scale = _parse(text)
    return FeatureNetwork(path, scale, name)


def network_hashes(args: argparse.Namespace) -> dict[str, str]:
    """SHA-256 of every network's file by its name, for the JSON: figures compare only where these are equal."""
    texts = [*args.features, *args.classifier, *(text for text in (args.inception, args.inception_classes) if text)]
    files = {(name or path.stem): path for name, path, _ in map(_parse, texts)}
    files |= {"perceptual" if number == 1 else f"perceptual_{number}": path for number, path in enumerate(args.perceptual, 1)}
    return {name: sha256(path) for name, path in sorted(files.items())}
