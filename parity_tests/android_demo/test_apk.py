"""The app as ``make apk`` builds it, read by Android's own tools."""

import re
import subprocess
import zipfile

import pytest

from android_demo.packaging.__main__ import main
from android_demo.packaging.application import gradle_settings
from android_demo.packaging.debian import ANDROID_JAR, DX_JAR, fetched
from android_demo.packaging.kotlin import compiled, core, runtime_classes
from android_demo.packaging.places import AAR, DEMO, missing_for_apk
from models.system.errors import ToolchainMissing, run_main

MOST_BYTES = 16_000_000

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(missing_for_apk() is not None, reason=str(missing_for_apk())),
]


def told(*command: object) -> str:
    """What a tool says; dexdump writes texts as the bytecode holds them, which is not quite UTF-8."""
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(errors="backslashreplace")


@pytest.fixture(scope="module")
def built(tmp_path_factory, shipped_artifacts):
    """Two builds of one artefact, for an ARM phone."""
    folder = tmp_path_factory.mktemp("apk")
    artifact = next(shipped_artifacts.glob("*-onnx-w8a8"))
    places = [folder / "first.apk", folder / "second.apk"]
    stubs()
    for place in places:
        assert main(["--artifact", str(artifact), "--out", str(place)]) == 0
    return places


def stubs():
    """Android's classes and dx; where no mirror of Debian can be reached and they are not in the cache, the test is skipped."""
    try:
        return fetched(ANDROID_JAR), fetched(DX_JAR)
    except ToolchainMissing as error:
        pytest.skip(str(error))


def test_size_and_bytes(built):
    first, second = (place.read_bytes() for place in built)
    assert first == second
    assert len(first) <= MOST_BYTES


def test_signature(built):
    said = told("apksigner", "verify", "--verbose", "--min-sdk-version", gradle_settings()["minSdk"], built[0])
    assert "APK Signature Scheme v2): true" in said
    assert "APK Signature Scheme v3): true" in said


def test_what_android_is_told(built):
    said = told("aapt2", "dump", "badging", built[0])
    settings = gradle_settings()
    assert f"package: name='{settings['applicationId']}' versionCode='{settings['versionCode']}'" in said
    assert f"sdkVersion:'{settings['minSdk']}'" in said
    assert f"targetSdkVersion:'{settings['targetSdk']}'" in said
    assert "launchable-activity: name='wavefill.app.EditActivity'" in said
    assert "native-code: 'arm64-v8a'" in said
    assert "uses-permission" not in said
    assert "uses-permission" not in told("aapt2", "dump", "permissions", built[0])


def test_bytecode(built):
    classes = set(re.findall(r"Class descriptor  : 'L([^;]+);'", told("dexdump", built[0])))
    for name in ("app/EditActivity", "app/ShareProvider", "runtime/OrtNetwork", "fill/InpaintKt", "edit/Editor"):
        assert f"wavefill/{name}" in classes
    assert "ai/onnxruntime/OrtSession" in classes
    assert "kotlin/Unit" in classes
    assert not [name for name in classes if "elemetry" in name]


def test_contents(built, shipped_artifacts):
    artifact = next(shipped_artifacts.glob("*-onnx-w8a8"))
    with zipfile.ZipFile(built[0]) as packed, zipfile.ZipFile(AAR) as archive:
        for name in ("model.onnx", "manifest.json", "SHA256SUMS"):
            assert packed.read(f"assets/model/{name}") == (artifact / name).read_bytes()
        for name in ("libonnxruntime.so", "libonnxruntime4j_jni.so"):
            assert packed.read(f"lib/arm64-v8a/{name}") == archive.read(f"jni/arm64-v8a/{name}")
        licences = [name for name in packed.namelist() if name.startswith("assets/licences/")]
        assert len(licences) == 3
        assert b"MIT License" in packed.read(licences[2])
        assert packed.getinfo("resources.arsc").compress_type == zipfile.ZIP_STORED


def test_the_lines_of_the_docs_compile(tmp_path):
    """The filler in an app of one's own, as docs/android.md has it, against the core and Android's classes."""
    page = (DEMO.parent / "docs" / "android.md").read_text()
    (lines,) = [block for block in re.findall(r"```kotlin\n(.*?)```", page, re.DOTALL) if "class Filler" in block]
    assert len(lines.splitlines()) <= 40
    (tmp_path / "Filler.kt").write_text(lines)
    used = [stubs()[0], core(), runtime_classes()]
    with zipfile.ZipFile(compiled([tmp_path / "Filler.kt"], used, android=True)) as jar:
        assert "your/app/Filler.class" in jar.namelist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--abi", "mips"], "--abi mips: one of arm64-v8a"),
        (["--keystore", "nowhere.p12"], "both or neither"),
        (["--keystore", "nowhere.p12", "--password-file", "nowhere"], "nowhere.p12 is no file"),
        (["--artifact", "nowhere"], "no such artefact folder"),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, arguments, said):
    out = tmp_path / "none.apk"
    assert run_main(main, [*arguments, "--out", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
