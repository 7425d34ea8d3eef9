"""The pages say what the program does: links lead somewhere, commands and options exist, messages are the program's."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "android_demo" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "models" / "checkpoints").glob("*.md"),
    ]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PLACEHOLDER = re.compile(r"\.\.\.|\b(?:NAME|SUFFIX|WxH|N)\b")


@pytest.fixture(scope="module")
def reference():
    """What docs/commands.py defines."""
    return runpy.run_path(str(ROOT / "docs" / "commands.py"))


def anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dead_links(page: Path) -> list[str]:
    """Links of a page to files or headings of this checkout that are not there."""
    dead = []
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, wanted = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            dead.append(target)
        elif wanted and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            if wanted not in [anchor(heading) for heading in headings]:
                dead.append(target)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](page.md#one) [b](#one) [c](gone.md) [d](page.md#two) [e](https://example.org/)\n")
    assert dead_links(page) == ["gone.md", "page.md#two"]


def test_the_reference_of_commands_is_up_to_date(reference):
    written = reference["FILE"].read_text(encoding="utf-8")
    # Pythons break the lines of a usage elsewhere.
    assert written.split() == reference["page"]().split(), "run: python docs/commands.py"


def command_lines(text: str) -> list[str]:
    """Commands of this project in the shell blocks of a page, continued lines joined, comments gone."""
    lines = [line.strip() for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if re.match(r"(python -m (models|quantize|export|benchmarks)|wavefill) ", line)]


def unknown(line: str, help_texts: dict[str, str]) -> list[str]:
    """Words of a command line that its help does not have: its verb, its options."""
    words = shlex.split(line.split(" #")[0])
    words = words[1:] if words[0] == "wavefill" else words[2:]
    if words[0] in ("train", "inpaint", "evaluate", "info", "masks", "teacher"):
        words = ["models", *words]
    name = "python -m " + " ".join(words[:3] if words[:2] == ["models", "teacher"] else words[:2])
    if re.fullmatch(r"python -m export (onnx|coreml|litert|all)", name):
        name = "python -m export {onnx,coreml,litert,all}"
    if name not in help_texts:
        return [name]
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    return [option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", help_texts[name])]


@pytest.fixture(scope="module")
def help_texts(reference):
    """Title of a command in docs/commands.md -> its help."""
    return {title: reference["help_of"](main, arguments) for title, main, arguments in reference["commands"]()}


def test_commands_in_the_pages_exist(help_texts):
    lines = [(page.name, line) for page in PAGES for line in command_lines(page.read_text(encoding="utf-8"))]
    assert len(lines) > 30
    assert {(page, line): unknown(line, help_texts) for page, line in lines if unknown(line, help_texts)} == {}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("python -m export coreml --scheme fp16", []),
        ("python -m export tflite", ["python -m export tflite"]),
        ("python -m models inpaint a.jpg b.png c.jpg --details off", ["--details"]),
        ("wavefill train --data photos --outt runs", ["--outt"]),
        ("python -m models teacher generate --count=3 --nothing", ["--nothing"]),
    ],
)
def test_a_command_that_does_not_exist_is_found(help_texts, line, wrong):
    assert unknown(line, help_texts) == wrong


def quoted_messages(text: str) -> list[str]:
    """The quoted messages of the first columns of docs/troubleshooting.md, without the parts that stand for something else."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    quoted = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    return [part.strip(" :,().") for message in quoted for part in PLACEHOLDER.split(message) if len(part.strip(" :,().")) > 3]


def test_messages_in_troubleshooting_are_the_programs():
    packages = ("models", "quantize", "export", "benchmarks")
    sources = [path.read_text(encoding="utf-8") for package in packages for path in (ROOT / package).rglob("*.py")]
    # A message may be written in pieces: "... beside it; "  "give ...".
    program = re.sub(r'"\s+f?"', "", "\n".join(sources))
    messages = quoted_messages((ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"))
    assert len(messages) > 25
    assert [message for message in messages if message not in program] == []
