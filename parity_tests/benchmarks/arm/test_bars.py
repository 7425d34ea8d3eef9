"""The bars of ``benchmarks.arm`` catch planted rows, the trampolines are what they say, and what is missing is named."""

import dataclasses
import platform
import shutil
import subprocess

import pytest

from benchmarks.arm import android, bionic, command, emulator, plugin
from benchmarks.arm.bars import Row, misses
from benchmarks.arm.cores import CORES
from export.artifact.manifest import Parity
from models.system.errors import CHECK_FAILED, MISSING_TOOLCHAIN, Parser, ToolchainMissing, run_main

EQUAL = Parity("this host", 1, 0, 0.0, None, None, 0)
ROW = Row("cortex-a76", "onnxruntime 1", "net-w8a8", "w8a8", 100, EQUAL)
FLOAT = dataclasses.replace(ROW, model="net-fp32", scheme="fp32", instructions=250)


def test_good_rows_pass():
    one_level = dataclasses.replace(EQUAL, max_level_difference=1, differing_share=1e-4, worst_hole_psnr_db=88.0)
    half = dataclasses.replace(FLOAT, model="net-fp16", scheme="fp16", parity=dataclasses.replace(one_level, differing_share=0.2))
    assert misses([ROW, dataclasses.replace(FLOAT, parity=one_level), half]) == []


@pytest.mark.parametrize(
    ("row", "changes", "said"),
    [
        (ROW, {"max_level_difference": 1}, "1 levels from this host"),
        (ROW, {"kept_max_difference": 2}, "kept pixels differ"),
        (FLOAT, {"max_level_difference": 2}, "2 levels"),
        (FLOAT, {"max_level_difference": 1, "differing_share": 0.01}, "1 % of values differ"),
        (dataclasses.replace(FLOAT, scheme="fp16"), {"worst_hole_psnr_db": 49.0}, "49.0 dB (at least 50 dB)"),
        (dataclasses.replace(FLOAT, scheme="fp16"), {"max_level_difference": 4}, "allowed: 3"),
    ],
)
def test_planted_differences_are_said(row, changes, said):
    found = misses([dataclasses.replace(row, parity=dataclasses.replace(EQUAL, **changes))])
    assert len(found) == 1
    assert said in found[0]


def test_integers_that_do_not_pay_are_said():
    costly = dataclasses.replace(ROW, instructions=126)
    assert misses([costly, FLOAT]) == ["net-w8a8 in onnxruntime 1: 0.50 of fp32's instructions on cortex-a76 (allowed: 0.5)"]
    assert misses([costly, dataclasses.replace(FLOAT, library="another")]) == []
    assert misses([dataclasses.replace(row, core="cortex-a53") for row in (costly, FLOAT)]) == []


def test_every_core_names_what_it_has():
    """/proc/cpuinfo and the emulated processor must agree; what Linux calls fp16 arithmetic is fphp and asimdhp."""
    for core in CORES.values():
        assert core.half == ("asimdhp" in core.features.split())
        assert f"Features\t: {core.features}\n" in core.cpuinfo()
    assert "asimddp" not in CORES["cortex-a53"].features
    assert "i8mm" in CORES["max"].features


def test_nothing_to_emulate_with_ends_with_3(monkeypatch, capsys, tmp_path):
    def main(arguments):
        parser = Parser()
        command.add_arguments(parser)
        return command.run(parser.parse_args(arguments))

    monkeypatch.setattr(emulator, "PYTHON", tmp_path / "python")
    assert run_main(main, []) == MISSING_TOOLCHAIN
    said = capsys.readouterr().err
    assert "make arm" in said or "apt-get install qemu-user" in said
    monkeypatch.setattr(emulator, "QEMU", "qemu-of-nobody")
    assert run_main(main, []) == MISSING_TOOLCHAIN
    assert capsys.readouterr().err == ("wavefill: error: qemu-of-nobody is not installed (Debian: apt-get install qemu-user)\n")
    monkeypatch.setattr(android, "ARCHIVE", tmp_path / "onnxruntime.aar")
    with pytest.raises(ToolchainMissing, match="make kotlin"):
        android.run_android(CORES["max"], tmp_path, None, None)


def test_a_missed_bar_ends_with_1(monkeypatch, capsys, tmp_path):
    bad = dataclasses.replace(ROW, parity=dataclasses.replace(EQUAL, max_level_difference=1, worst_hole_psnr_db=70.1))
    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "_artefacts", lambda _: [])
    monkeypatch.setattr(command, "wheels_on", lambda *_: [bad])
    monkeypatch.setattr(command.android, "unavailable_here", lambda: "no library")
    parser = Parser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(["--core", "max"])) == CHECK_FAILED
    assert "missed: net-w8a8 on cortex-a76" in capsys.readouterr().out


@pytest.mark.parametrize("toolchain", [bionic.ARM64, bionic.X86_64], ids=["arm64", "x86_64"])
def test_trampolines_assemble_and_are_named(tmp_path, toolchain):
    if shutil.which(toolchain.compiler) is None or (toolchain is bionic.X86_64 and platform.machine() != "x86_64"):
        pytest.skip(f"no compiler for that processor ({toolchain.compiler})")
    (tmp_path / "t.S").write_text(bionic.trampolines(["malloc", "cosf"], toolchain), encoding="ascii")
    subprocess.run([toolchain.compiler, "-c", "-o", tmp_path / "t.o", tmp_path / "t.S"], check=True, timeout=60)
    listed = subprocess.run([toolchain.symbols, tmp_path / "t.o"], check=True, capture_output=True, text=True, timeout=60).stdout
    defined = {line.split()[2]: line.split()[1] for line in listed.splitlines()}
    assert {name: defined[name] for name in ("malloc", "cosf")} == {"malloc": "T", "cosf": "T"}
    assert {"forwarded_names", "forwarded_targets"} <= defined.keys()


def test_marks_are_one_everywhere():
    """The guest's Python and the two C files repeat the numbers of ``plugin.py``, which they cannot import."""
    from benchmarks.arm import guest

    assert (guest.MARK_CALL, guest.MARK) == (plugin.MARK_CALL, plugin.MARK)
    for name in ("count_instructions.c", "runner.c"):
        source = plugin.SOURCE.with_name(name).read_text(encoding="utf-8")
        assert f"MARK = 0x{plugin.MARK:X}" in source
        assert f"MARK_CALL = {plugin.MARK_CALL}" in source
