"""Weights between two trained networks: what a game adds in detail, in the dose that one wants."""

import copy

from models.generator import Generator


def mixed(one: Generator, other: Generator, share: float) -> Generator:
    """(1 - share) of one network's weights and share of the other's (Wang et al., *ESRGAN*, 2018, section 3.4).

    Between weights for squared error and the same weights after an adversarial game lies everything from smooth and near to the
    photo to sharp and far from it, at no cost: the network has the size of one. It works where the second began as the first, or
    both as a third.

    Args:
        one: a network.
        other: another one of the same spec.
        share: of the other, 0 to 1.

    Returns:
        A network of its own; neither is changed.

    Raises:
        ValueError: the specs differ.
    """
    if one.spec != other.spec:
        raise ValueError(f"the checkpoints are of the specs {one.spec.name} and {other.spec.name}: only equal ones can be mixed")
    second = other.state_dict()
    result = copy.deepcopy(one)
    result.load_state_dict({name: (1 - share) * first + share * second[name] for name, first in one.state_dict().items()})
    return result.eval()
