"""``python -m parity_tests.fuzz``: damaged inputs for every reader, and a table of what came of them."""

import json
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from models.system.errors import CHECK_FAILED, OK, Parser, run_main
from parity_tests.fuzz.readers import READERS
from parity_tests.fuzz.run import FINE, Tally, fuzz, prepare

EXAMPLES = (
    "python -m parity_tests.fuzz",
    "python -m parity_tests.fuzz --reader onnx --reader litert --count 2000 --seed 1",
    "python -m parity_tests.fuzz --reader mask_file --first 1234 --count 1 --keep /tmp/input",
)


def main(arguments: list[str]) -> int:
    """Run; 1 if a reader let anything through but an answer or one line of refusal."""
    parser = Parser(
        prog="python -m parity_tests.fuzz",
        description="Give every reader damaged inputs, in processes of their own; the same seed gives the same inputs.",
        examples=EXAMPLES,
    )
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="inputs for each reader (default: 10000)")
    parser.add_argument("--reader", action="append", choices=list(READERS), help="repeatable (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the damage (default: 0)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first input (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="readers at the same time (default: 1)")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after this long, wherever it is")
    parser.add_argument("--whole", type=Path, metavar="DIR", help="keep the whole files here, for another run")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the damaged folder of the first input here, and stop")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(arguments)
    if args.count < 1 or args.first < 0 or args.seed < 0 or args.jobs < 1:
        raise ValueError("--count and --jobs are 1 or more, --first and --seed 0 or more")
    names = args.reader or list(READERS)
    deadline = None if args.minutes is None else time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        whole = args.whole or Path(temporary)
        whole.mkdir(parents=True, exist_ok=True)
        prepare(names, whole)
        if args.keep:
            return _keep(names[0], whole, args.keep, args.seed, args.first)
        with tqdm(total=args.count * len(names), unit="input", file=sys.stderr, dynamic_ncols=True, smoothing=0.02) as bar:
            lock = threading.Lock()

            def progress() -> None:
                with lock:
                    bar.update()

            def one(name: str) -> Tally:
                bar.set_postfix_str(name)
                options = {"count": args.count, "seed": args.seed, "first": args.first}
                tally = fuzz(name, whole / name, **options, deadline=deadline, progress=progress)
                bar.write(_line(tally), file=sys.stderr)
                return tally

            with ThreadPoolExecutor(args.jobs) as pool:
                tallies = list(pool.map(one, names))
    if args.json:
        print(json.dumps([vars(tally) for tally in tallies], indent=1))
    else:
        print("\n".join(map(_line, tallies)))
        for tally in tallies:
            for text, inputs in sorted(tally.findings.items(), key=lambda item: -len(item[1])):
                print(f"{tally.name}: {len(inputs)} x {text} (inputs {', '.join(map(str, inputs[:3]))})")
            for text, number in tally.noise.most_common(3):
                print(f"{tally.name}: printed {number} x {text}")
    return CHECK_FAILED if any(tally.findings for tally in tallies) else OK


def _line(tally: Tally) -> str:
    bad = {verdict: number for verdict, number in tally.verdicts.items() if verdict not in FINE}
    total, good = sum(tally.verdicts.values()), sum(n for v, n in tally.verdicts.items() if v.startswith("accepted"))
    return f"{tally.name:16} {total:7,} inputs, {good:6,} accepted, findings: {bad or 'none'} ({tally.seconds:.0f} s)"


def _keep(name: str, whole: Path, keep: Path, seed: int, number: int) -> int:
    from parity_tests.fuzz.worker import damage, rng_of

    shutil.copytree(whole / name, keep)
    path, _ = damage(name, keep, rng_of(seed, name, number))
    print(path)
    return OK


if __name__ == "__main__":
    sys.exit(run_main(main))
