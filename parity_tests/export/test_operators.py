"""What is counted over the one list of operators, on lists written by hand."""

import pytest

from export.backend import Coverage
from export.operators import Operator, Value, between, convolution_macs, count_macs, count_types, integer_coverage, refused


def chain(*steps: tuple[str, str], begin: str = "float32") -> list[Operator]:
    """Operators one after the other: (kind, type of its result); a convolution also reads an int8 weight."""
    last, made = Value("begin", (1, 4, 4, 8), begin), []
    for number, (kind, dtype) in enumerate(steps):
        result = Value(f"{kind}{number}", (1, 4, 4, 8), dtype)
        weight = (Value("weight", (8, 3, 3, 8), "int8", constant=True),) if kind == "conv" else ()
        made.append(Operator(kind.upper(), kind, (last, *weight), (result,)))
        last = result
    return made


IN, OUT, LEVELS = ("quantise", "int8"), ("dequantise", "float32"), ("conv", "int8")
PAIRED = (OUT, ("conv", "float32"), ("relu", "float32"), IN)


def test_operators_on_integers_are_counted_and_those_in_float_are_named():
    assert integer_coverage(chain(IN, LEVELS, LEVELS, OUT), pairs=False).by_kind() == {"conv": Coverage(2, 0)}
    found = integer_coverage(chain(IN, LEVELS, OUT, ("add", "float32"), IN, LEVELS, OUT), pairs=False)
    assert found.by_kind() == {"add": Coverage(0, 1), "conv": Coverage(2, 0)}
    assert found.left_in_float == ("ADD add3",)
    assert (found.quantises, found.dequantises, found.requantises) == (2, 2, 0)


def test_a_pair_around_an_operator_makes_it_integer_only_where_the_runtime_fuses():
    operators = chain(IN, *PAIRED, *PAIRED, OUT)
    assert integer_coverage(operators, pairs=True).by_kind() == {"conv": Coverage(2, 0)}
    assert integer_coverage(operators, pairs=False).left_in_float == ("CONV conv2", "RELU relu3", "CONV conv6", "RELU relu7")


@pytest.mark.parametrize("reader", ["add", "quantise"])
def test_a_second_reader_keeps_a_result_in_float(reader):
    operators = chain(IN, *PAIRED, OUT)
    (conv,) = (operator for operator in operators if operator.kind == "conv")
    operators.insert(-1, Operator(reader.upper(), reader, conv.outputs, (Value("other", (), "int8"),)))
    assert integer_coverage(operators, pairs=True).by_kind()["conv"] == Coverage(0, 1)


def test_what_lies_before_the_first_quantise_or_behind_the_last_dequantise_is_not_counted():
    found = integer_coverage(chain(("conv", "float32"), IN, LEVELS, OUT, ("conv", "float32")), pairs=False)
    assert found.by_kind() == {"conv": Coverage(1, 0)}
    assert integer_coverage(chain(("conv", "float32")), pairs=True).by_kind() == {}


def test_a_change_of_scale_alone_is_counted_as_in_the_way():
    found = integer_coverage(chain(IN, LEVELS, IN, LEVELS, OUT), pairs=False)
    assert (found.quantises, found.requantises) == (1, 1)
    assert found.by_kind() == {"conv": Coverage(2, 0), "requantise": Coverage(0, 1)}


def test_a_path_goes_through_values_not_names():
    operators = chain(("a", "float32"), ("b", "float32"), ("c", "float32"))
    namesake = Operator("D", "d", (Value("b1", (), "float32"),), (Value("d", (), "float32"),))
    found = between([*operators, namesake], lambda operator: operator.kind == "b", lambda operator: True)
    assert [operator.kind for operator in found] == ["b", "c"]


def test_macs_are_summed_and_what_cannot_be_counted_is_named():
    result = Value("y", (1, 4, 4, 8), "float32")
    counted = Operator("CONV_2D", "conv", (), (result,), convolution_macs(result, (3, 3, 5)))
    assert count_macs([counted, *chain(IN), counted]) == 2 * 4 * 4 * 8 * 3 * 3 * 5
    assert convolution_macs(Value("y", None, ""), (3, 3, 5)) is None
    with pytest.raises(ValueError, match="BATCH_MATMUL: cannot count"):
        count_macs([counted, Operator("BATCH_MATMUL", "BATCH_MATMUL", (), (result,), None)])
    assert count_types([counted, *chain(IN), counted]) == {"CONV_2D": 2, "QUANTISE": 1}


def test_a_delegate_refuses_types_and_ranks():
    flat = Operator("ADD", "add", (Value("x", None, "float32"),), (Value("y", (1, 2), "float32"),))
    deep = Operator("ADD", "add", (Value("x", (1, 1, 1, 1, 1), "float32"),), (Value("z", (1,), "float32"),))
    assert refused([flat], {"ADD": "why"}, 4) == ()
    assert refused([flat, deep], ["MUL"], 4) == (
        "ADD y: not on the list",
        "ADD z: not on the list",
        "ADD z: a tensor of 5 dimensions",
    )
