"""``python -m android_demo.packaging``: the app as a signed APK, from packages alone."""

import sys
import zipfile
from pathlib import Path

from android_demo.packaging.places import missing_for_apk
from models.system.errors import Parser, ToolchainMissing, run_main

OUT = Path("build/wavefill.apk")
ARTIFACT = Path("artifacts/wavefill-s-256-onnx-w8a8")


def main(arguments: list[str]) -> int:
    """Build, sign, say what is in it."""
    examples = (
        "python -m android_demo.packaging",
        "python -m android_demo.packaging --abi arm64-v8a --abi x86_64 --out build/both.apk",
        "python -m android_demo.packaging --assets build/android/onnx",
    )
    parser = Parser(prog="python -m android_demo.packaging", description=__doc__, examples=examples)
    parser.add_argument(
        "--artifact", type=Path, default=ARTIFACT, metavar="DIR", help="ONNX artefact to build in (default: %(default)s)"
    )
    parser.add_argument("--abi", action="append", metavar="NAME", help="processor; may be repeated (default: arm64-v8a)")
    parser.add_argument("--keystore", type=Path, metavar="FILE", help="key to sign with (default: one made for this machine)")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="holds the keystore's password")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="the APK (default: %(default)s)")
    parser.add_argument(
        "--assets", type=Path, metavar="DIR", help="write only the app's assets, for Gradle, which packs them itself"
    )
    options = parser.parse_args(arguments)
    from android_demo.packaging.application import ABIS, Key, built, licences, sha256
    from android_demo.packaging.goldens import model_assets, write_assets
    from export.artifact.manifest import read_manifest

    abis = options.abi or ["arm64-v8a"]
    if unknown := [abi for abi in abis if abi not in ABIS]:
        raise ValueError(f"--abi {unknown[0]}: one of {', '.join(ABIS)} is expected")
    if (options.keystore is None) != (options.password_file is None):
        raise ValueError("--keystore and --password-file: both or neither are expected")
    if options.keystore is not None and not options.keystore.is_file():
        raise ValueError(f"--keystore: {options.keystore} is no file")
    if options.assets is not None:
        write_assets(options.artifact, options.assets)
        print(options.assets)
        return 0
    if reason := missing_for_apk():
        raise ToolchainMissing(reason)
    if read_manifest(options.artifact).backend != "onnx":
        raise ValueError(f"{options.artifact}: this build has ONNX Runtime; LiteRT takes Gradle (docs/android.md)")
    assets = model_assets(options.artifact) | licences()
    built(assets, sorted(set(abis), key=ABIS.index), Key(options.keystore, options.password_file), options.out, _tell)
    with zipfile.ZipFile(options.out) as packed:
        libraries = sum(entry.compress_size for entry in packed.infolist() if entry.filename.startswith("lib/"))
    size = options.out.stat().st_size
    print(f"{options.out}  {size / 1e6:.2f} MB, of which ONNX Runtime {libraries / 1e6:.2f}  sha256 {sha256(options.out)}")
    return 0


def _tell(step: str) -> None:
    print(f"apk: {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_main(main))
