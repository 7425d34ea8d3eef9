"""An ``adb`` and a phone that are made up: files go into a folder, the shell knows what ``benchmarks adb`` asks.

What it is to do is in ``phone.json`` beside it: ``devices``, ``properties``, ``thermal`` (a list, one for each question),
``spoil`` (added to a byte of the result), ``kept`` (changes a kept pixel), ``lines`` (what the runner prints),
``dies`` (at which run).
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
PHONE = HERE / "phone.json"
FILES = HERE / "phone"


def main(words: list[str]) -> int:
    phone = json.loads(PHONE.read_text())
    phone.setdefault("log", []).append(words)
    try:
        return answer(phone, words)
    finally:
        PHONE.write_text(json.dumps(phone))


def answer(phone: dict, words: list[str]) -> int:
    if words == ["devices"]:
        print("List of devices attached")
        for serial, state in phone["devices"].items():
            print(f"{serial}\t{state}")
        return 0
    _, _, verb, *rest = words
    if verb == "push":
        target = FILES / rest[1].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(rest[0]).read_bytes())
        return 0
    if verb == "pull":
        Path(rest[1]).write_bytes((FILES / rest[0].lstrip("/")).read_bytes())
        return 0
    return shell(phone, rest[0])


def shell(phone: dict, line: str) -> int:
    if line.startswith("getprop "):
        print(phone["properties"].get(line.split()[1], ""))
    elif line.startswith("cat /sys"):
        print("schedutil\nschedutil\nperformance")
    elif line == "nproc":
        print(8)
    elif line.startswith("dumpsys thermalservice"):
        print(f"IsStatusOverride: false\nThermal Status: {phone['thermal'].pop(0)}\n")
    elif "./runner" in line:
        return runner(phone, line)
    return 0


def runner(phone: dict, line: str) -> int:
    """The golden result of the host, which the test has put there, spoiled as it is asked for."""
    phone["ran"] = phone.get("ran", 0) + 1
    if phone.get("dies") == phone["ran"]:
        print("error: device 'ABC' not found", file=sys.stderr)
        return 1
    place = FILES / re.match(r"cd /(\S+)", line).group(1)
    size = int(line.split("./runner")[1].split()[3])
    content = (place / "input.bin").read_bytes()
    assert len(content) == 4 * size * size, "a photo and its mask"
    result = bytearray((HERE / "golden.bin").read_bytes())
    mask = content[3 * size * size :]
    hole, kept = mask.index(255), mask.index(0)
    result[3 * hole] ^= phone.get("spoil", 0)
    result[3 * kept] ^= phone.get("kept", 0)
    (place / "result.bin").write_bytes(result)
    print("\n".join(phone["lines"]))
    return 0


sys.exit(main(sys.argv[1:]))
