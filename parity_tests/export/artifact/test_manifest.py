"""Manifests: what is written is what is read, and nothing else is accepted."""

import dataclasses
import json

import pytest

from export.artifact.manifest import FileEntry, Manifest, Parity, PortEntry, Signature, belongs, read_manifest

PARITY = Parity("PyTorch", 6, 1, 0.0001, 70.5, 68.25, 0)
MANIFEST = Manifest(
    backend="onnx",
    scheme="w8a8",
    weight_bits=7,
    spec="wavefill-s",
    size=256,
    io="uint8",
    macs=1_000_000,
    model_file="model.onnx",
    files=(FileEntry("model.onnx", 12, "a" * 64),),
    size_bytes=12,
    parity=PARITY,
    checks="on",
    minimum_target="anything",
    checkpoint_sha256="b" * 64,
    calibration_sha256="c" * 64,
    recipe_sha256="d" * 64,
    signature=Signature((PortEntry("image", (1, 256, 256, 3), "uint8"),), (PortEntry("result", (1, 256, 256, 3), "uint8"),)),
    metadata={"wavefill.spec": "wavefill-s"},
    tools={"onnx": "1.0"},
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parity": None, "checks": "skipped"},
        {"calibration_sha256": None, "scheme": "fp32", "weight_bits": 32},
        {
            "parity": dataclasses.replace(PARITY, hole_psnr_db=None, worst_hole_psnr_db=None, kept_max_difference=None),
            "io": "float",
        },
    ],
)
def test_round_trip(changes):
    manifest = dataclasses.replace(MANIFEST, **changes)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_keys_that_the_issue_names_are_there():
    needed = {"backend", "scheme", "weight_bits", "spec", "size", "macs", "files", "parity", "minimum_target"}
    assert needed <= json.loads(MANIFEST.to_json()).keys()


def tree(**changes):
    return json.dumps({**json.loads(MANIFEST.to_json()), **changes}, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]\n", "a JSON object is expected, not list"),
        (tree(schema_version=2), "schema_version 2, this program reads 1"),
        (tree(surprise=1), "unknown keys: surprise"),
        (tree().replace('"macs"', '"mac"'), "missing keys: macs; unknown keys: mac"),
        (tree(size="256"), "manifest.size: int is expected, not str"),
        (tree(size=True), "manifest.size: int is expected, not bool"),
        (tree(io="uint16"), "'uint16' is none of 'uint8', 'float'"),
        (tree(files={}), "a list is expected"),
        (tree(files=[{"name": "x", "bytes": 1}]), "missing keys: sha256"),
        (tree(tools={"onnx": 1}), "an object of texts is expected"),
        (tree(checks="skipped"), "contradicts parity figures"),
        (tree(parity=None), "contradicts parity null"),
        (tree(parity={**json.loads(tree())["parity"], "differing_share": 0}), "float is expected, not int"),
        (tree() + "\n", "not in canonical form"),
        (tree().replace("  ", " "), "not in canonical form"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(ValueError, match="(?s)" + message.replace(".", r"\.").replace("[", r"\[")):
        Manifest.from_json(text)


def test_unreadable_folders(tmp_path):
    with pytest.raises(ValueError, match="no such artefact folder"):
        read_manifest(tmp_path / "none")
    with pytest.raises(ValueError, match=r"not an artefact \(it has no manifest.json\)"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"manifest.json: .*utf-8"):
        read_manifest(tmp_path)


def test_which_files_are_the_model():
    assert belongs("model.onnx", "model.onnx")
    assert belongs("model.mlpackage/Data/weight.bin", "model.mlpackage")
    assert not belongs("model.onnx.ort", "model.onnx")
    assert not belongs("manifest.json", "model.onnx")
