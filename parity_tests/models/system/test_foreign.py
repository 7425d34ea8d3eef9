"""Foreign bytes: one guard around every reader, and one reader of JSON."""

import ast
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.artifact.manifest import read_manifest
from models.data.shards import ShardIndex
from models.spec import ModelSpec
from models.system.errors import ToolchainMissing, one_line, run_main
from models.system.foreign import MAX_JSON_DEPTH, Damaged, parse_json, read_json, reader, reading
from models.teacher.settings import parse_settings
from models.training.config import PRESETS, TrainConfig
from parity_tests.conftest import ROOT
from quantize.table import QuantizationTable

PATH = Path("some/file.bin")


def attempt(read, argument):
    """(what a reader returns, "") or (None, what it says of its input)."""
    try:
        return read(argument), ""
    except ValueError as error:
        return None, str(error)


# ---------------------------------------------------------------- the guard


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("weights"), "some/file.bin: damaged (KeyError: 'weights')"),
        (IndexError("list index out of range"), "some/file.bin: damaged (IndexError: list index out of range)"),
        (ValueError("two inputs are needed"), "some/file.bin: damaged (two inputs are needed)"),
        (RecursionError("maximum recursion depth exceeded"), "some/file.bin: damaged (nested too deeply)"),
        (MemoryError(), "some/file.bin: damaged (reading it would need more memory than there is)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "more memory than there is"),
        (zipfile.BadZipFile("no\nzip\tfile"), "some/file.bin: damaged (BadZipFile: no zip file)"),
        (OSError("image file is truncated"), "some/file.bin: damaged (OSError: image file is truncated)"),
        (FileNotFoundError(2, "No such file", "elsewhere"), "some/file.bin: damaged (FileNotFoundError: "),
        (AssertionError(), "some/file.bin: damaged (AssertionError)"),
        (ValueError("x" * 10_000), "x" * 300 + "...)"),
    ],
)
def test_whatever_a_reader_raises_names_the_file_in_one_line(error, message):
    with pytest.raises(Damaged) as caught, reading(PATH):
        raise error
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.__cause__ is error, "what was raised is not lost"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("some/file.bin: is a folder; a checkpoint is one file"),
        FileNotFoundError(2, "No such file", "some/file.bin"),
        PermissionError(13, "Permission denied", "some/file.bin/inside"),
        ToolchainMissing("onnx is not installed"),
        KeyboardInterrupt(),
        SystemExit(3),
    ],
)
def test_what_is_said_already_and_what_is_no_damage_passes(error):
    with pytest.raises(type(error)) as caught, reading(PATH):
        raise error
    assert caught.value is error


def test_a_defect_outside_of_a_reader_keeps_its_traceback(capsys):
    def main(arguments):
        with reading(PATH):
            pass
        raise KeyError("ours")

    with pytest.raises(KeyError):
        run_main(main, [])


def test_the_decorator_guards_the_body_and_keeps_the_name(tmp_path, capsys):
    @reader
    def read_thing(path, more=1):
        """Reads."""
        return {}["missing"] if more else path

    assert (read_thing.__name__, read_thing.__doc__) == ("read_thing", "Reads.")
    assert read_thing(PATH, more=0) is PATH
    assert run_main(lambda _: read_thing(PATH), []) == 2
    assert capsys.readouterr().err == "wavefill: error: some/file.bin: damaged (KeyError: 'missing')\n"


def test_a_message_cannot_command_the_terminal():
    assert one_line("a\x1b[2Jb\x00\n  c\u202ed é") == "a\\x1b[2Jb\\x00 c\\u202ed é"


# ---------------------------------------------------------------- JSON

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(tree=TREES, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_json_is_read_as_the_standard_library_reads_it(tree, ascii_only, indent):
    try:
        text = json.dumps(tree, ensure_ascii=ascii_only, indent=indent)
        content = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return
    read, refusal = attempt(parse_json, content)
    if refusal:
        assert "surrogate" in refusal
        assert "\\ud" in text.lower()
    else:
        assert read == json.loads(text)


@given(text=st.text(alphabet='[]{}",:\\u0 a1', max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text):
    read, refusal = attempt(parse_json, text)
    assert "\n" not in refusal
    if not refusal:
        assert json.dumps(read) == json.dumps(json.loads(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "nested 100,000 deep"),
        (b'{"a":' * 100_000, "nested 100,000 deep"),
        (b'"' + b'\\"' * 1_000_000 + b"[[", "not JSON"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' stands twice"),
        (b"NaN", "NaN is no number"),
        (b'{"a": [-Infinity]}', "-Infinity is no number"),
        (b"[1e999]", "1e999 is too large"),
        (b"1" * 5000, "not JSON|digits"),
        (b"\xff\xfe[\0]\0", "no UTF-8 at byte 0"),
        (b'["\\ud800"]', "surrogate"),
        (b"", "not JSON"),
    ],
)
def test_hostile_json_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_the_bounds_are_where_they_are_said_to_be(tmp_path):
    deep = lambda levels: b"[" * levels + b"]" * levels  # noqa: E731
    assert parse_json(deep(MAX_JSON_DEPTH)) is not None
    with pytest.raises(ValueError, match=f"nested {MAX_JSON_DEPTH + 1} deep"):
        parse_json(deep(MAX_JSON_DEPTH + 1))
    assert parse_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000, "brackets in a text are no nesting"
    file = tmp_path / "long.json"
    file.write_bytes(b" " * 100 + b"1")
    assert read_json(file, 101) == 1
    with pytest.raises(ValueError, match=r"long\.json: more than 100 bytes"):
        read_json(file, 100)


OWN_ARRAYS = {
    "benchmarks/arm/guest.py": "what benchmarks/arm/python.py has written a moment before; it has nothing of this project",
    "benchmarks/arm/python.py": "what that program has written a moment before",
    "benchmarks/latency/worker.py": "a photo and its hole, which benchmarks/peers/fills.py has just written",
    "benchmarks/peers/fills.py": "fills that its own processes have just written",
    "benchmarks/latency/command.py": "fills that its own processes have just written",
}

OWN_JSON = {
    "benchmarks/arm/guest.py": "its job, written by benchmarks/arm/python.py",
    "benchmarks/latency/operators.py": "a profile that ONNX Runtime has just written",
    "benchmarks/latency/process.py": "lines of its own process, benchmarks/latency/worker.py",
    "benchmarks/latency/worker.py": "requests of benchmarks/latency/process.py",
    "models/checkpoint.py": "sorted_header: bytes that the library has just made",
    "models/commands/info.py": "the text of ModelSpec.to_json",
    "models/system/foreign.py": "the reader itself",
}


def calls(source, *names):
    """Which of some functions, written ``module.name``, a source calls."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute))
    return {f"{node.value.id}.{node.attr}" for node in found if isinstance(node.value, ast.Name)} & set(names)


def test_foreign_json_is_read_in_one_place_only():
    """A second reader of JSON would have neither bounds nor guard; pickles run code."""
    assert calls("import json\nx = json.loads(y)", "json.loads") == {"json.loads"}, "the test sees what it should"
    files = [path for package in ("models", "quantize", "export", "benchmarks") for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    for path in files:
        source, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        loaders = {"torch.load", "pickle.load", "pickle.loads", "np.load"}
        assert not calls(source, *loaders - ({"np.load"} if name in OWN_ARRAYS else set())), name
        if name not in OWN_JSON:
            assert not calls(source, "json.load", "json.loads"), name


# ---------------------------------------------------------------- every reader of JSON meets a text that parsers fear

NESTED = b"[" * 100_000


def spoiled(path, content=NESTED):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [NESTED, b'{"format":' * 50_000, b"", b"null", b"[]", b"\xff\xfe"], ids=lambda c: repr(c[:6]))
def test_no_json_file_gives_a_traceback(tmp_path, content):
    readers = {
        "manifest.json": lambda: read_manifest(tmp_path),
        "a.calibration.json": lambda: QuantizationTable.load(tmp_path / "a.calibration.json"),
        "index.json": lambda: ShardIndex.read(tmp_path),
    }
    for name, read in readers.items():
        spoiled(tmp_path / name, content)
        with pytest.raises(ValueError, match=name) as caught:
            read()
        assert len(one_line(str(caught.value))) < 600


@pytest.mark.parametrize("text", [NESTED.decode(), '{"name": ' * 9, "null", "[]", '"x"', '{"name": NaN}'], ids=lambda t: t[:9])
def test_no_json_in_a_header_or_on_the_command_line_gives_a_traceback(tmp_path, text):
    with pytest.raises(ValueError, match="not a model spec"):
        ModelSpec.from_json(text)
    with pytest.raises(ValueError, match="not a training configuration"):
        TrainConfig.from_json(text)
    with pytest.raises(ValueError, match="--set"):
        PRESETS["smoke"].with_settings([f"steps={text}"])
    with pytest.raises(ValueError, match="--set"):
        parse_settings("repaint", 10, [f"travel_length={text}"], observes=True)


@pytest.mark.parametrize("name", ["steps", "learning_rate", "warmup_steps", "losses", "precision", "seed", "stages"])
@pytest.mark.parametrize("value", ["8", None, [1], {"a": 1}, True, 1.5])
def test_values_of_another_type_in_a_stored_configuration_are_refused(name, value):
    fields = json.loads(PRESETS["smoke"].to_json())
    if isinstance(value, float) and name == "learning_rate":
        value = 1.5j.imag * 10
    if isinstance(value, str) and name == "precision":
        value = 8
    with pytest.raises(ValueError, match="training configuration"):
        TrainConfig.from_json(json.dumps(fields | {name: value}))
