"""``python -m export {onnx,coreml,litert,all}``: make artefacts; a bar on stderr, the table of what was made on stdout."""

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

from tqdm import tqdm

from export.backends import artefact_backends
from export.matrix import Cell, Made, Options, make_all, plan, require
from export.report import MANIFEST_HEADS, manifest_row
from export.sources import Source, check_size, find_calibration, read_source
from models.spec import LARGEST_SIZE, SPECS
from models.system.errors import CHECK_FAILED, OK, Parser, note
from models.system.text_table import table
from quantize.schemes import ALIASES, DEFAULT_SCHEMES, SCHEMES

DEFAULT_OUT = Path("artifacts")


def add_arguments(parser: Parser) -> None:
    """Options of the verbs that make artefacts."""
    parser.epilog = f"""examples:
  {parser.prog}
  {parser.prog} --scheme int8 --size 512 --out artifacts
  {parser.prog} --checkpoint mine.safetensors --calibration photos/train
"""
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--spec", choices=SPECS, help="model spec; must be the checkpoint's")
    parser.add_argument(
        "--size", type=int, default=256, metavar="N", help=f"height and width in pixels, up to {LARGEST_SIZE} (default: 256)"
    )
    parser.add_argument(
        "--scheme",
        action="append",
        choices=[*SCHEMES, *ALIASES],
        help=f"number format; may be repeated (default: {', '.join(DEFAULT_SCHEMES)})",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="calibrate w8a8 and w8a16 anew on this folder of photos (128 or more), or use this calibration file",
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="folder of artefacts (default: artifacts)")
    parser.add_argument(
        "--io",
        choices=["uint8", "float"],
        default="uint8",
        help="public uint8 signature, or the bare float core (default: uint8)",
    )
    parser.add_argument(
        "--ort", action="store_true", help="add ONNX Runtime's .ort file to ONNX artefacts (its bytes differ from run to run)"
    )
    parser.add_argument("--usability", action="store_true", help="print ONNX Runtime's mobile usability report on stderr")
    parser.add_argument("--no-check", action="store_true", help="do not measure parity; recorded in the manifest")
    parser.add_argument("--force", action="store_true", help="make artefacts even if up-to-date ones are there")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made, write nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Make what was asked for; 1 if a check failed."""
    start = time.monotonic()
    backends = artefact_backends() if arguments.verb == "all" else [arguments.verb]
    schemes = list(dict.fromkeys(ALIASES.get(name, name) for name in arguments.scheme or DEFAULT_SCHEMES))
    if (arguments.ort or arguments.usability) and "onnx" not in backends:
        raise ValueError(f"--ort and --usability are for ONNX artefacts; {arguments.verb} makes none")
    source = read_source(arguments.checkpoint, arguments.spec)
    check_size(arguments.size, source)
    cells = plan(backends, schemes, arguments.size, arguments.io)
    options = Options(check=not arguments.no_check, force=arguments.force, ort=arguments.ort)
    if arguments.dry_run:
        _with_calibration(source, schemes, arguments, write=False)
        return _announce(cells, source, arguments)
    require(cells, options)
    source = _with_calibration(source, schemes, arguments, write=True)
    with tqdm(total=len(cells), unit="artefact", desc="export", file=sys.stderr, dynamic_ncols=True) as bar:
        made = make_all(cells, source, arguments.out, options, starting=bar.set_postfix_str, done=bar.update)
    code = _present(made, arguments)
    whole = sum(item.status != "failed" for item in made)
    print(f"wavefill: {whole} of {len(made)} artefacts in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return code


def _with_calibration(source: Source, schemes: list[str], arguments: argparse.Namespace, *, write: bool) -> Source:
    """The source with its calibration table, made anew if a folder of photos was given."""
    given: Path | None = arguments.calibration
    if not any(SCHEMES[name].calibrated for name in schemes):
        if given is not None:
            raise ValueError(f"--calibration {given}: no scheme among {', '.join(schemes)} is calibrated")
        return source
    if given is None or given.is_file():
        return dataclasses.replace(source, calibration=find_calibration(source, given))
    if not given.is_dir():
        raise ValueError(f"{given}: no such folder of photos or calibration file")
    if not write:
        return source
    from quantize.calibrate import calibrate

    table_ = calibrate(source.generator, source.checkpoint_sha256, given)
    path = arguments.out / f"{source.generator.spec.name}-{table_.sha256()[:12]}.calibration.json"
    table_.save(path)
    note(f"calibrated on {given}; the table is {path}")
    return dataclasses.replace(source, calibration=table_)


def _announce(cells: list[Cell], source: Source, arguments: argparse.Namespace) -> int:
    folders = [str(arguments.out / cell.name(source)) for cell in cells]
    print(json.dumps({"would_make": folders}, indent=2) if arguments.json else "\n".join(folders))
    return OK


def _present(made: list[Made], arguments: argparse.Namespace) -> int:
    failed = [item for item in made if item.status == "failed"]
    for item in failed:
        for failure in item.failures:
            print(f"wavefill: check failed: {item.folder.name}: {failure}", file=sys.stderr)
    if arguments.usability:
        _usability([item for item in made if item.status != "failed" and item.manifest.backend == "onnx"])
    present = [item for item in made if item.status != "failed"]
    if arguments.json:
        rows = [{"path": str(item.folder), "status": item.status, **dataclasses.asdict(item.manifest)} for item in present]
        lost = [{"path": str(item.folder), "failures": item.failures} for item in failed]
        print(json.dumps({"artefacts": rows, "failed": lost}, indent=2, sort_keys=True))
    elif present:
        print(
            table(
                [*MANIFEST_HEADS, "status"], [[*manifest_row(str(item.folder), item.manifest), item.status] for item in present]
            )
        )
    return CHECK_FAILED if failed else OK


def _usability(made: list[Made]) -> None:
    from export.onnx.backend import OnnxBackend

    for item in made:
        print(f"{item.folder}:\n{OnnxBackend().usability_report(item.folder / item.manifest.model_file)}", file=sys.stderr)
