"""The app, step by step: resources, Kotlin, Android's bytecode, one ZIP, a signature."""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from android_demo.packaging.debian import ANDROID_JAR, DX_JAR, fetched
from android_demo.packaging.kotlin import LIBRARY, compiled, core, runtime_classes, unpacked
from android_demo.packaging.places import ASM, CACHE, COMPILER, DEMO, RUNTIME, aar, digest

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64", "x86")
LIBRARIES = ("libonnxruntime.so", "libonnxruntime4j_jni.so")
TELEMETRY = ("ai/onnxruntime/telemetry/", "ai/onnxruntime/TelemetryInitializer")
"""What of ONNX Runtime's classes stays out: they would report the app's use from its start on."""

_MAIN = DEMO / "app" / "src" / "main"
_TIME = (1980, 1, 1, 0, 0, 0)
_LIMIT_S = 300


def built(assets: dict[str, bytes], abis: Sequence[str], key: "Key", out: Path, told: Callable[[str], None]) -> None:
    """Build the app and sign it.

    Args:
        assets: name below ``assets/`` -> content.
        abis: some of ``ABIS``.
        key: to sign with.
        out: the APK; it appears when it is whole.
        told: is told each step.

    Raises:
        RuntimeError: a tool refuses its input; the message is its own.
    """
    work = CACHE / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    told("resources")
    resources, r_classes = _resources(work)
    told("Kotlin")
    inner = core()
    sources = [path for folder in (_MAIN, _MAIN.with_name("onnx")) for path in (folder / "kotlin").rglob("*.kt")]
    outer = compiled(sources, [fetched(ANDROID_JAR), inner, r_classes], android=True)
    told("Android's bytecode")
    bytecode = _bytecode([outer, inner, r_classes, _lowered(), _kotlin_library()])
    told("archive and signature")
    unsigned, aligned, signed = work / "unsigned.apk", work / "aligned.apk", work / "signed.apk"
    _archive(unsigned, resources, bytecode, assets, abis)
    _run(["zipalign", "-f", "4", unsigned, aligned])
    key.sign(aligned, signed)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(signed, out.with_suffix(".unfinished"))
    out.with_suffix(".unfinished").replace(out)


def _resources(work: Path) -> tuple[Path, Path]:
    """The compiled resources with the manifest, and the classes of their numbers."""
    compiled_resources, linked, names = work / "resources.zip", work / "linked.apk", work / "names"
    _run(["aapt2", "compile", "--dir", _MAIN / "res", "-o", compiled_resources])
    link = ["aapt2", "link", "-I", fetched(ANDROID_JAR), "--manifest", _manifest(work), "--java", names, "-o", linked]
    _run([*link, compiled_resources])
    classes = work / "r"
    _run(["javac", "--release", "8", "-Xlint:-options", "-d", classes, *names.rglob("R.java")])
    jar = work / "r.jar"
    with zipfile.ZipFile(jar, "w") as packed:
        for path in sorted(classes.rglob("*.class")):
            _put(packed, path.relative_to(classes).as_posix(), path.read_bytes())
    return linked, jar


def _manifest(work: Path) -> Path:
    """The app's manifest with what Gradle would put in, and without what only Gradle reads."""
    android, tools = "http://schemas.android.com/apk/res/android", "http://schemas.android.com/tools"
    ElementTree.register_namespace("android", android)
    tree = ElementTree.parse(_MAIN / "AndroidManifest.xml")
    for parent in list(tree.iter()):
        for child in list(parent):
            if child.get(f"{{{tools}}}node") == "remove":
                parent.remove(child)
        for name in [name for name in parent.attrib if name.startswith(f"{{{tools}}}")]:
            del parent.attrib[name]
    root, settings = tree.getroot(), gradle_settings()
    root.set("package", settings["applicationId"])
    root.set(f"{{{android}}}versionCode", settings["versionCode"])
    root.set(f"{{{android}}}versionName", settings["versionName"])
    sdk = {f"{{{android}}}{name}Version": settings[name] for name in ("minSdk", "targetSdk")}
    root.insert(0, ElementTree.Element("uses-sdk", sdk))
    path = work / "AndroidManifest.xml"
    tree.write(path, encoding="utf-8", xml_declaration=True)
    return path


def gradle_settings() -> dict[str, str]:
    """Names and versions of the app, which stand in Gradle's file."""
    text = (DEMO / "app" / "build.gradle.kts").read_text()
    return {name: value.strip('"') for name, value in re.findall(r'(\w+) = ("[^"]*"|\d+)', text)}


def _lowered() -> Path:
    """ONNX Runtime's classes as Java 8, without telemetry."""
    program, classes = Path(__file__).with_name("LowerClasses.java"), runtime_classes()
    jar = CACHE / "lowered" / f"{digest([program, classes], *TELEMETRY)}.jar"
    if not jar.is_file():
        jar.parent.mkdir(parents=True, exist_ok=True)
        unfinished = jar.with_suffix(".unfinished")
        _run(["java", "-cp", ASM, program, classes, unfinished, *TELEMETRY])
        unfinished.replace(jar)
    return jar


def _kotlin_library() -> Path:
    """Kotlin's library without the classes for newer Java that it carries as well."""
    jar = CACHE / "kotlin-stdlib" / f"{digest([LIBRARY])}.jar"
    if not jar.is_file():
        jar.parent.mkdir(parents=True, exist_ok=True)
        unfinished = jar.with_suffix(".unfinished")
        with zipfile.ZipFile(LIBRARY) as source, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as target:
            for name in sorted(source.namelist()):
                if name.endswith(".class") and not name.startswith("META-INF/"):
                    _put(target, name, source.read(name))
        unfinished.replace(jar)
    return jar


def _bytecode(jars: Sequence[Path]) -> Path:
    """The classes as one DEX file."""
    made = CACHE / "dex" / f"{digest(jars)}.dex"
    if not made.is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        unfinished = made.with_name(f"{made.stem}.unfinished.dex")
        dx = ["java", "-Xmx2g", "-XX:+UseSerialGC", "-cp", fetched(DX_JAR), "com.android.dx.command.Main"]
        _run([*dx, "--dex", "--min-sdk-version=26", f"--output={unfinished}", *jars])
        unfinished.replace(made)
    return made


def _archive(path: Path, resources: Path, bytecode: Path, assets: dict[str, bytes], abis: Sequence[str]) -> None:
    """Everything in one ZIP with no dates, in one order."""
    libraries = CACHE / "aar" / digest([aar()])
    names = [f"jni/{abi}/{name}" for abi in abis for name in LIBRARIES]
    unpacked(aar(), [name for name in names if not (libraries / name).is_file()], libraries)
    with zipfile.ZipFile(path, "w") as packed, zipfile.ZipFile(resources) as linked:
        for name in sorted(linked.namelist()):
            # Android maps this one into memory as it is (since 11, it must be so).
            _put(packed, name, linked.read(name), stored=name == "resources.arsc")
        _put(packed, "classes.dex", bytecode.read_bytes())
        for name, content in sorted(assets.items()):
            _put(packed, f"assets/{name}", content)
        for name in names:
            _put(packed, f"lib/{name.removeprefix('jni/')}", (libraries / name).read_bytes())


def _put(packed: zipfile.ZipFile, name: str, content: bytes, *, stored: bool = False) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = 0o644 << 16
    packed.writestr(entry, content, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, 9)


def licences() -> dict[str, bytes]:
    """The licences of what is built in, by names of assets."""
    runtime = b"ONNX Runtime\n\n" + (RUNTIME / "LICENSE").read_bytes() + b"\n" + (RUNTIME / "ThirdPartyNotices.txt").read_bytes()
    kotlin = COMPILER.parent / "license"
    library = b"Kotlin's library\n\n" + (kotlin / "NOTICE.txt").read_bytes() + b"\n" + (kotlin / "LICENSE.txt").read_bytes()
    ours = b"wavefill\n\n" + (DEMO.parent / "LICENSE").read_bytes()
    return {"licences/1-wavefill.txt": ours, "licences/2-kotlin.txt": library, "licences/3-onnxruntime.txt": runtime}


class Key:
    """A key to sign with: of one's own, or one that is made once for this machine.

    Args:
        store: a PKCS #12 or JKS file with one key; None: the one of this machine.
        password_file: holds its password.
    """

    def __init__(self, store: Path | None = None, password_file: Path | None = None) -> None:
        folder = CACHE / "key"
        self._store, self._password = store or folder / "debug.p12", password_file or folder / "password"
        if store is None and not self._store.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            self._password.write_text("android\n")
            name = ["-alias", "debug", "-dname", "CN=wavefill debug", "-storepass", "android"]
            made = ["keytool", "-genkeypair", "-keystore", self._store, "-storetype", "PKCS12", *name]
            _run([*made, "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000"])

    def sign(self, unsigned: Path, signed: Path) -> None:
        """Sign an aligned APK by schemes v2 and v3; RSA's signatures are the same every time."""
        schemes = ["--v1-signing-enabled", "false", "--v2-signing-enabled", "true", "--v3-signing-enabled", "true"]
        schemes += ["--v4-signing-enabled", "false", "--min-sdk-version", "26"]
        store = ["--ks", self._store, "--ks-pass", f"file:{self._password}"]
        _run(["apksigner", "sign", *schemes, *store, "--out", signed, unsigned])


def sha256(path: Path) -> str:
    """Of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(command: Sequence[str | Path]) -> None:
    # Without a locale of its own the Java tools would write messages in the user's.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=_LIMIT_S, check=False, env=environment
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")
