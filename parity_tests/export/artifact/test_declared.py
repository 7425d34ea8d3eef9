"""What a saved file must declare: a right one passes, each wrong one is named."""

import dataclasses

import pytest

from export.artifact.declared import faults
from export.backend import Coverage, Inspection, Port
from models.spec import SPECS

SPEC = SPECS["wavefill-s"]
WHOLE = {"conv": Coverage(67, 0), "add": Coverage(26, 0), "resize": Coverage(5, 0)}
METADATA = {"wavefill.layout": "NHWC", "wavefill.scheme": "w8a8", "wavefill.spec": "tiny"}
RIGHT = Inspection(
    metadata=METADATA,
    inputs=(Port("image", (1, 32, 32, 3), "uint8"), Port("mask", (1, 32, 32, 1), "uint8")),
    outputs=(Port("result", (1, 32, 32, 3), "uint8"),),
    macs=1000,
    operators={"Conv": 3},
    coverage=WHOLE,
)


def test_the_right_declaration_passes():
    assert faults(RIGHT, 32, "uint8", METADATA, SPEC) == []
    # LiteRT files hold the first resize of the Haar synthesis in integers, too.
    assert faults(dataclasses.replace(RIGHT, coverage=WHOLE | {"resize": Coverage(6, 0)}), 32, "uint8", METADATA, SPEC) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coverage": None}, "nothing between stem and head is integer"),
        ({"coverage": {}}, "nothing between stem and head is integer"),
        ({"coverage": WHOLE | {"LeakyRelu": Coverage(0, 2)}}, "LeakyRelu: 2 between stem and head in float"),
        ({"coverage": WHOLE | {"conv": Coverage(66, 0)}}, "conv: 66 integer between stem and head, wavefill-s has 67"),
        ({"coverage": WHOLE | {"conv": Coverage(69, 0)}}, "conv: 69 integer between stem and head, wavefill-s has 67"),
        ({"coverage": WHOLE | {"add": Coverage(0, 0)}}, "add: 0 integer between stem and head, wavefill-s has 26"),
        ({"coverage": WHOLE | {"resize": Coverage(4, 0)}}, "resize: 4 integer between stem and head, wavefill-s has 5"),
        ({"macs": 0}, "no multiply-accumulates counted"),
        ({"outputs": (Port("output_0", (1, 32, 32, 3), "uint8"),)}, "outputs are output_0, not result"),
        ({"inputs": RIGHT.inputs[::-1]}, "inputs are mask, image, not image, mask"),
        ({"outputs": (Port("result", (1, 3, 32, 32), "uint8"),)}, "not 3 x 32 x 32 uint8"),
        ({"metadata": {**METADATA, "wavefill.spec": "other"}}, "metadata differs in wavefill.spec"),
    ],
)
def test_each_wrong_declaration_is_named(change, message):
    (fault,) = faults(dataclasses.replace(RIGHT, **change), 32, "uint8", METADATA, SPEC)
    assert message in fault


def test_float_schemes_need_no_integers():
    metadata = {**METADATA, "wavefill.scheme": "fp16"}
    assert faults(dataclasses.replace(RIGHT, metadata=metadata, coverage=None), 32, "uint8", metadata, SPEC) == []


def test_every_fault_is_named():
    coverage = {"conv": Coverage(65, 2), "add": Coverage(26, 0)}
    assert faults(dataclasses.replace(RIGHT, coverage=coverage), 32, "uint8", METADATA, SPEC) == [
        "conv: 2 between stem and head in float",
        "conv: 65 integer between stem and head, wavefill-s has 67",
        "resize: 0 integer between stem and head, wavefill-s has 5",
    ]
