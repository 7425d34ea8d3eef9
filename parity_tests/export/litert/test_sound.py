"""Files that would end the interpreter's process are refused before it sees them."""

import numpy as np
import pytest

from export.litert.flatbuffer import graph, pack, parse, read
from export.litert.sound import check_sound
from parity_tests.fuzz.feature_models import write_litert


@pytest.fixture
def model(tmp_path):
    write_litert(tmp_path / "net.tflite")
    return read(tmp_path / "net.tflite")


def constant(model):
    """A constant of more than one byte."""
    return next(
        t for t in graph(model).tensors if model.buffers[t.buffer].data is not None and len(model.buffers[t.buffer].data) > 4
    )


def no_output(model):
    graph(model).operators[0].outputs = np.array([-1])


def too_short(model):
    buffer = model.buffers[constant(model).buffer]
    buffer.data = buffer.data[:-1]


def too_large(model):
    tensor = constant(model)
    tensor.shape = np.array([65538, *tensor.shape[1:]])


def not_made_yet(model):
    first = graph(model).operators[0]
    first.inputs = np.array([graph(model).operators[-1].outputs[0], *first.inputs[1:]])


def made_twice(model):
    graph(model).operators.append(graph(model).operators[-1])


def two_types(model):
    model.operatorCodes[0].builtinCode, model.operatorCodes[0].deprecatedBuiltinCode = 49, 41


def no_scales(model):
    tensor = graph(model).tensors[graph(model).operators[0].outputs[0]]
    tensor.type = 9  # INT8 in schema.fbs


def nothing_returned(model):
    graph(model).operators.pop()


DAMAGE = {
    no_output: "writes tensor -1, which is not there",
    too_short: "bytes, which are not",
    too_large: "bytes, which are not",
    not_made_yet: "which nothing has made",
    made_twice: "which is not there or not its own",
    two_types: "is 49 and 41 at once",
    no_scales: "is int8 without scales",
    nothing_returned: "the graph returns tensor",
}


def test_a_whole_file_is_sound(model):
    check_sound(model)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_what_does_not_fit_is_named(model, damage):
    damage(model)
    with pytest.raises(ValueError, match=DAMAGE[damage]):
        check_sound(parse(pack(model)))
