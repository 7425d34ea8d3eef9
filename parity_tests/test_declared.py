"""What a saved file must declare: a right one passes, each wrong one is named."""

import dataclasses

import pytest

from export.backend import Coverage, Inspection, Port
from export.declared import faults

METADATA = {"wavefill.layout": "NHWC", "wavefill.scheme": "w8a8", "wavefill.spec": "tiny"}
RIGHT = Inspection(
    metadata=METADATA,
    inputs=(Port("image", (1, 32, 32, 3), "uint8"), Port("mask", (1, 32, 32, 1), "uint8")),
    outputs=(Port("result", (1, 32, 32, 3), "uint8"),),
    macs=1000,
    operators={"Conv": 3},
    coverage=Coverage(integer=9, floating=0),
)


def test_the_right_declaration_passes():
    assert faults(RIGHT, 32, "uint8", METADATA) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coverage": None}, "nothing between stem and head is integer"),
        ({"coverage": Coverage(integer=0, floating=9)}, "nothing between stem and head is integer"),
        ({"coverage": Coverage(integer=8, floating=1)}, "1 of 9 operators between stem and head are float"),
        ({"macs": 0}, "no multiply-accumulates counted"),
        ({"outputs": (Port("output_0", (1, 32, 32, 3), "uint8"),)}, "outputs are output_0, not result"),
        ({"inputs": RIGHT.inputs[::-1]}, "inputs are mask, image, not image, mask"),
        ({"outputs": (Port("result", (1, 3, 32, 32), "uint8"),)}, "not 3 x 32 x 32 uint8"),
        ({"metadata": {**METADATA, "wavefill.spec": "other"}}, "metadata differs in wavefill.spec"),
    ],
)
def test_each_wrong_declaration_is_named(change, message):
    (fault,) = faults(dataclasses.replace(RIGHT, **change), 32, "uint8", METADATA)
    assert message in fault


def test_float_schemes_need_no_integers():
    metadata = {**METADATA, "wavefill.scheme": "fp16"}
    assert faults(dataclasses.replace(RIGHT, metadata=metadata, coverage=None), 32, "uint8", metadata) == []
