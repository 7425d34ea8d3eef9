"""``python -m models info``: what a checkpoint is."""

import argparse
import json
from pathlib import Path

from models.checkpoint import SHIPPED, load_checkpoint, read_safetensors, sha256
from models.macs import generator_macs, parameters
from models.system.errors import one_line
from models.system.text_table import table

EXAMPLES = """examples:
  python -m models info
  python -m models info runs/first/checkpoint.safetensors --json
"""

SIZES = (256, 512)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", default=SHIPPED, metavar="CHECKPOINT", help="default: the shipped one"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Print the spec, parameters, MACs of the deployed graph, hash and provenance of a checkpoint.

    Raises:
        ValueError: not a checkpoint, see ``models.checkpoint.load_checkpoint``.
    """
    generator = load_checkpoint(args.checkpoint)
    _, header = read_safetensors(args.checkpoint)
    spec = generator.spec
    macs = {str(size): generator_macs(generator, size) for size in SIZES if size % spec.multiple == 0}
    architecture = {key: value for key, value in json.loads(spec.to_json()).items() if key != "name"}
    provenance = {key: value for key, value in sorted(header.items()) if key != "spec"}
    summary: dict[str, object] = {
        "checkpoint": str(args.checkpoint),
        "sha256": sha256(args.checkpoint),
        "bytes": args.checkpoint.stat().st_size,
        "spec": spec.name,
        "architecture": architecture,
        "size_multiple": spec.multiple,
        "parameters": parameters(generator),
        "macs": macs,
        "provenance": provenance,
    }
    if args.json:
        print(json.dumps(summary, indent=2))
        return 0
    lines = {
        **{key: summary[key] for key in ("checkpoint", "sha256", "bytes", "spec")},
        **{f"  {key}": value for key, value in architecture.items()},
        "image sides": f"multiples of {spec.multiple}",
        "parameters": f"{summary['parameters']:,} (deployed)",
        **{f"MACs at {size}": f"{value / 1e9:.3f} G (deployed graph)" for size, value in macs.items()},
        **provenance,
    }
    print(table([], [[key, one_line(str(value))] for key, value in lines.items()], right=[False, False]))
    return 0
