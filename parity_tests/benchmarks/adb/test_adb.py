"""``python -m benchmarks adb`` against an adb that is made up: what is pushed, asked, kept, refused. No phone was at hand."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.adb.runner import parse
from benchmarks.records.files import read_records
from export.artifact.loading import load_artefact
from export.parity import probes
from parity_tests.support.exit_code import exit_code

LINES = [
    "WARNING: linker: something",
    "runtime onnxruntime 1.30.0 CPUExecutionProvider",
    "load_ms 40.5",
    "first_ms 12",
    *(f"run_ms {10 + i / 10}" for i in range(20)),
    "peak_mb load 61.5",
    "peak_mb steady 64",
]
PROPERTIES = {
    "ro.product.model": "Pixel 7",
    "ro.soc.model": "GS201",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.build.version.release": "15",
}


class Phone:
    """The made-up phone, and the command that measures it."""

    def __init__(self, folder, artefacts, capsys):
        self.folder, self.artefacts, self.capsys = folder, artefacts, capsys
        (folder / "runner").write_bytes(b"a program")
        self.tell()

    def tell(self, **changes):
        """What it is and does."""
        phone = {"devices": {"ABC": "device"}, "properties": PROPERTIES, "thermal": [0, 1] * 5, "lines": LINES}
        (self.folder / "bin" / "phone.json").write_text(json.dumps(phone | changes))

    def log(self):
        """Every call so far, in words."""
        return json.loads((self.folder / "bin" / "phone.json").read_text())["log"]

    def run(self, *arguments, runner=True):
        """Exit code and output."""
        self.capsys.readouterr()
        own = ["--runner", self.folder / "runner"] if runner else []
        words = [*own, "--artifacts", self.artefacts, "--out", self.folder / "records", *arguments]
        code = exit_code(main, ["adb", *map(str, words)])
        return code, *self.capsys.readouterr()


@pytest.fixture
def plugged(tmp_path, monkeypatch, capsys):
    """A phone, and no artefacts yet."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    shutil.copy(Path(__file__).with_name("fake_adb.py"), bin_ / "fake_adb.py")
    (bin_ / "adb").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{bin_}/fake_adb.py" "$@"\n')
    (bin_ / "adb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    return Phone(tmp_path, tmp_path / "out", capsys)


@pytest.fixture
def phone(plugged, monkeypatch, cli, fake):
    """A phone, and an artefact whose golden result it knows."""
    assert cli.make() == 0
    (artefact,) = cli.out.iterdir()
    monkeypatch.setattr("benchmarks.adb.command.OnnxBackend", lambda: fake)
    probe = probes(32)[0]
    golden = load_artefact(artefact, 1)(image=probe.image, mask=probe.mask[:, :, 0])
    (plugged.folder / "bin" / "golden.bin").write_bytes(golden.tobytes())
    # The stand-in's model is a folder of its own; a phone gets files.
    monkeypatch.setattr("benchmarks.adb.device.Device.push", pushed(artefact))
    plugged.artefacts = cli.out
    return plugged


def pushed(artefact):
    from benchmarks.adb.device import Device

    real = Device.push

    def push(self, source, target):
        real(self, source / "weights.bin" if source.is_dir() else source, target)

    return push


@pytest.fixture(autouse=True)
def one_file(monkeypatch):
    """The manifest of the stand-in's package names the files in it, that of a real ONNX artefact the model itself."""
    from benchmarks.adb import command

    real = command.read_manifest

    def read(folder):
        import dataclasses

        manifest = real(folder)
        entry = dataclasses.replace(manifest.files[0], name=manifest.model_file)
        return dataclasses.replace(manifest, files=(entry,))

    monkeypatch.setattr(command, "read_manifest", read)


def test_a_phone_is_measured(phone):
    code, stdout, stderr = phone.run("--threads", 1, "--threads", 4)
    assert code == 0, stderr
    one, four = read_records(phone.folder / "records")
    assert (one["kind"], one["runtime"]["threads"], four["runtime"]["threads"]) == ("android", 1, 4)
    assert one["runtime"] == {"name": "onnxruntime", "version": "1.30.0", "provider": "CPUExecutionProvider", "threads": 1}
    host = one["host"]
    assert (host["model"], host["soc"], host["abi"], host["system"]) == ("Pixel 7", "GS201", "arm64-v8a", "Android 15")
    assert (host["cores"], host["governors"]) == (8, ["performance", "schedutil"])
    assert (host["thermal_before"], host["thermal_after"], host["throttled"]) == (0, 1, True)
    assert one["times_ms"]["runs"] == 20
    assert one["times_ms"]["first_tenth"] == pytest.approx(10.05)
    assert one["times_ms"]["last_tenth"] == pytest.approx(11.85)
    assert one["memory_mb"] == {"load_peak": 61.5, "steady_peak": 64}
    assert one["golden"] == {"max_level_difference": 0, "differing_share": 0, "hole_psnr_db": None, "same": True}
    assert "Pixel 7, GS201, Android 15" in stdout
    calls = [" ".join(words) for words in phone.log()]
    assert "chmod 755" in next(call for call in calls if "chmod" in call)
    assert any("ORT_DISABLE_TELEMETRY=1" in call and call.endswith("32 4 10 50 5") for call in calls)
    assert calls[-1].endswith("rm -rf /data/local/tmp/wavefill"), "nothing is left on the phone"


def test_without_a_program_of_ones_own_it_is_made(phone, monkeypatch):
    """The program and the library are pushed; to arm64 phones only, and where there is a compiler."""
    made = phone.folder / "made"
    made.mkdir()
    for name in ("runner", "libonnxruntime.so"):
        (made / name).write_bytes(name.encode())
    monkeypatch.setattr("benchmarks.adb.command.built_for_phones", lambda: (made / "runner", made / "libonnxruntime.so"))
    code, _, stderr = phone.run("--threads", 1, runner=False)
    assert code == 0, stderr
    pushed = {Path(words[-1]).name for words in phone.log() if "push" in words}
    assert pushed == {"runner", "libonnxruntime.so", "model.onnx", "input.bin"}
    phone.tell(properties=PROPERTIES | {"ro.product.cpu.abi": "x86_64"})
    code, _, stderr = phone.run("--threads", 1, runner=False)
    assert (code, "is for arm64-v8a, Pixel 7 is x86_64: give one with --runner" in stderr) == (3, True)


def test_where_no_program_can_be_made_it_is_one_line(phone, monkeypatch):
    monkeypatch.setattr("benchmarks.adb.build.missing_tools", lambda: "no compiler is installed")
    code, _, stderr = phone.run(runner=False)
    assert (code, stderr.count("\n")) == (3, 1)
    assert "no compiler is installed; or give one with --runner" in stderr
    code, _, stderr = phone.run("--library", phone.folder / "runner", runner=False)
    assert (code, "--library is what --runner loads" in stderr) == (2, True)
    assert not (phone.folder / "records").exists()


@pytest.mark.parametrize("planted", [{"spoil": 64}, {"kept": 1}])
def test_another_result_is_seen(phone, planted):
    phone.tell(**planted)
    code, stdout, _ = phone.run("--threads", 1)
    assert code == 1
    assert "NOT the same" in stdout


def test_a_phone_that_is_unplugged_keeps_what_was_measured(phone):
    phone.tell(dies=2)
    code, _, stderr = phone.run("--threads", 1, "--threads", 2)
    assert code == 3
    assert "device 'ABC' not found" in stderr
    assert "1 records are in" in stderr
    assert len(read_records(phone.folder / "records")) == 1


@pytest.mark.parametrize(
    ("devices", "arguments", "code", "said"),
    [
        ({}, [], 3, "no phone is connected"),
        ({"ABC": "unauthorized"}, [], 3, "ABC is unauthorized: unlock the phone"),
        ({"ABC": "device", "DEF": "device"}, [], 2, "several phones are connected: ABC, DEF"),
        ({"ABC": "device"}, ["--serial", "XYZ"], 2, "--serial XYZ: not connected; connected: ABC"),
    ],
)
def test_without_a_phone_it_is_one_line(plugged, devices, arguments, code, said):
    plugged.tell(devices=devices)
    got, _, stderr = plugged.run(*arguments)
    assert got == code
    assert said in stderr
    assert len(stderr.strip().splitlines()) == 1
    assert not (plugged.folder / "records").exists()


def test_without_adb_it_is_one_line(plugged, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    code, _, stderr = plugged.run()
    assert (code, "adb is not installed" in stderr) == (3, True)
    (plugged.folder / "runner").unlink()
    code, _, stderr = plugged.run()
    assert (code, "no such file" in stderr) == (2, True)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LINES[2:], "did not print runtime"),
        (LINES[:8], "10 of run_ms"),
        ([*LINES, "run_ms nan"], "a number above 0"),
        ([*LINES, "run_ms -3"], "a number above 0"),
        ([], "runtime, load_ms, first_ms"),
    ],
)
def test_a_runner_that_says_something_else_is_refused(lines, said):
    with pytest.raises(ValueError, match=said):
        parse("\n".join(lines))


def test_of_a_runner_that_fails_one_line_is_told(phone):
    phone.tell(lines=["segmentation fault"])
    code, _, stderr = phone.run("--threads", 1)
    assert code == 1
    assert "1 threads: the runner did not print runtime" in stderr
