"""``python -m benchmarks report``: what is refused, what is promised, what is slower, and a page that needs nothing else."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.records.files import newest, read_records, write_records
from benchmarks.report.against import changes
from benchmarks.report.bars import BARS, verdicts
from benchmarks.report.command import BEGIN, END
from benchmarks.report.pictures import Point, pareto
from parity_tests.benchmarks.report.made import HOST, RUN, host_record, run_of
from parity_tests.support.exit_code import exit_code

SCHEMA = "wavefill-record-1"
EVALUATION = {
    "images": 7,
    "methods": {
        name: {"hole_psnr_db": 19.0, "squeezenet_distance": distance, "detail_ratio": 0.6125, "lattice_8_share_ratio": 1.375}
        for name, distance in {"network": 0.39, "wavefill-s-256-onnx-w8a8": 0.4, "telea": 0.44}.items()
    },
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, rng):
    write_records(tmp_path / "records" / "run.json", run_of(rng=rng))
    return tmp_path


def run(folder, capsys, *arguments):
    capsys.readouterr()
    words = [str(folder / "records"), "--out", str(folder / "report.html"), *map(str, arguments)]
    return exit_code(main, ["report", *words]), *capsys.readouterr()


class Reader(HTMLParser):
    """Checks that tags are closed in order, and collects what a browser would load."""

    VOID = ("meta", "br", "line", "rect", "circle", "polyline")

    def __init__(self):
        super().__init__()
        self.stack, self.loads = [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [value for key, value in attrs if key in ("src", "href", "xlink:href", "data", "action")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_the_page_needs_nothing_else(folder, capsys):
    (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    code, stdout, stderr = run(folder, capsys, "--evaluation", folder / "evaluation.json")
    assert code == 0, stderr
    text = (folder / "report.html").read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.stack == []
    assert reader.loads == []
    assert "@import" not in text
    assert "url(" not in text
    assert len(text.encode()) < 2e6
    assert text.count("<svg") == 2, "latency and quality"
    assert "stem &lt;Conv&gt;" in text, "what files say is text"
    row = next(line for line in text.split("<tr>") if "<td>wavefill-s-256-onnx-w8a8</td>" in line and "1.375" in line)
    cells = re.findall("<td>(.*?)</td>", row)
    assert cells[2:] == ["1.76", "91.0", "0", "19.000", "0.613", "1.375", "0.400"], "in the order of the heads"
    assert "prefers-color-scheme:dark" in text
    assert str(folder / "report.html") in stdout


def test_promises_are_kept_or_not(rng):
    records = run_of(rng=rng)
    told = {one.what: one for one in verdicts(records, 20_000)}
    assert len(told) == len(BARS) + 1
    assert told["fp32 against MI-GAN's shape, 256, one thread"].met
    assert told["fp32 against MI-GAN's shape, 256, one thread"].found.startswith(("19.", "20."))
    assert told["fp32: share of ONNX Runtime's best convolution, one thread"].met
    assert told["w8a8: share of ONNX Runtime's best convolution, one thread"].met is False
    assert told["wavefill --help"].met is None
    slow = verdicts(run_of(rng=rng, ours=2))
    assert slow[0].met is False
    command = {
        "schema": SCHEMA,
        "kind": "command",
        "command": {"line": "wavefill --help", "bar_s": 0.3},
        "host": HOST,
        "times_s": {"runs": 3, "min": 0.1, "p50": 0.2, "max": 0.3, "cpu_p50": 0.1},
        "run": RUN,
    }
    assert {one.what: one.met for one in verdicts([command])}["wavefill --help"]


def test_instructions_come_from_the_emulator(folder, capsys):
    rows = [
        {
            "core": "cortex-a76",
            "library": "onnxruntime 1.31.1",
            "model": name,
            "scheme": "fp32",
            "instructions": count,
            "parity": None,
        }
        for name, count in (("wavefill-s-256-onnx-fp32", 200), ("migan-standin-256", 3000), ("wavefill-s-256-onnx-w8a8", 100))
    ]
    (folder / "arm.json").write_text(json.dumps({"host": {}, "rows": rows, "missed": []}))
    code, stdout, _ = run(folder, capsys, "--arm", folder / "arm.json")
    assert code == 0
    lines = [line for line in stdout.splitlines() if "Cortex-A76" in line]
    assert [re.search(r"times +([\d.]+) ", line).group(1) for line in lines] == ["15.0", "30.0"]
    (folder / "arm.json").write_text("[]")
    assert run(folder, capsys, "--arm", folder / "arm.json")[0] == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema": "wavefill-record-0"}', "schema: wavefill-record-1 is expected"),
        ("[1]", "schema: wavefill-record-1 is expected"),
        ('[{"schema": "wavefill-record-1", "kind": "watch"}]', "kind: host, page, android"),
        ('[{"schema": "wavefill-record-1", "kind": "host"}]', "expected"),
        ("{", "not JSON"),
    ],
)
def test_other_records_are_refused(folder, capsys, content, said):
    (folder / "records" / "z.json").write_text(content)
    code, _, stderr = run(folder, capsys)
    assert code == 2
    assert "z.json" in stderr
    assert said in stderr
    assert len(stderr.strip().splitlines()) == 1
    assert not (folder / "report.html").exists()


def test_no_records_is_one_line(tmp_path, capsys):
    assert run(tmp_path, capsys)[0] == 2
    (tmp_path / "records").mkdir()
    code, _, stderr = run(tmp_path, capsys)
    assert (code, "no records in it" in stderr) == (2, True)


def test_records_of_other_files_are_refused(tmp_path, capsys, cli, rng):
    """Of an artefact that was made again since, and of one that was tampered with."""
    assert cli.make() == 0
    (artefact,) = cli.out.iterdir()
    write_records(tmp_path / "records" / "run.json", [*run_of(rng=rng), host_record(artefact.name, [1.0] * 5, sha256="d" * 64)])
    code, _, stderr = run(tmp_path, capsys, "--artifacts", artefact.parent)
    assert code == 2
    assert f"{artefact.name}: a record is about another file" in stderr
    (artefact / "manifest.json").write_text((artefact / "manifest.json").read_text() + " ")
    code, _, stderr = run(tmp_path, capsys, "--artifacts", artefact.parent)
    assert (code, "damaged" in stderr) == (2, True)


def test_the_readme_is_written_between_its_markers(folder, capsys):
    page = folder / "README.md"
    page.write_text(f"# before\n{BEGIN}\nold\n{END}\nafter\n")
    assert run(folder, capsys, "--readme", page)[0] == 0
    text = page.read_text()
    assert text.startswith(f"# before\n{BEGIN}\n\n| ms for one picture")
    assert text.endswith(f"{END}\nafter\n")
    assert "| `wavefill-s-256-onnx-w8a8` | 5.0 |" in text
    assert "convolution" not in text.replace("best convolution", "")
    again = page.read_text()
    assert run(folder, capsys, "--readme", page)[0] == 0
    assert page.read_text() == again
    page.write_text("# no markers\n")
    code, _, stderr = run(folder, capsys, "--readme", page)
    assert (code, "are needed, once each" in stderr) == (2, True)
    assert page.read_text() == "# no markers\n"


def test_a_slower_host_is_not_a_slower_file(rng):
    """The host three times as slow: nothing changed. The files a fifth slower on such a host: that is seen, with its interval."""
    old = run_of("old", rng=rng)
    for one in changes(run_of("new", host=3, rng=rng), old):
        assert one.low <= 1.05
        assert one.high >= 0.95
        assert not one.slower_than(1.1)
    slower = {one.name for one in changes(run_of("new", host=3, ours=1.2, rng=rng), old) if one.slower_than(1.1)}
    assert slower == {f"wavefill-s-256-onnx-{scheme}, onnxruntime, 1 threads" for scheme in ("fp32", "w8a8")}
    with pytest.raises(ValueError, match="nothing can be compared"):
        changes([host_record("a", [1.0])], [host_record("b", [1.0])])


def test_slower_files_end_with_1(folder, capsys, rng):
    write_records(folder / "old.json", run_of("old", ours=0.7, rng=rng))
    code, stdout, _ = run(folder, capsys, "--against", folder / "old.json")
    assert code == 1
    assert stdout.count("SLOWER") == 2
    assert run(folder, capsys, "--against", folder / "old.json", "--threshold", "2")[0] == 0


def test_the_newest_of_repeats_counts(tmp_path):
    write_records(tmp_path / "1.json", [host_record("a", [1.0]), host_record("b", [1.0])])
    write_records(tmp_path / "2.json", [host_record("a", [2.0])])
    assert {one["artifact"]["name"]: one["times_ms"]["p50"] for one in newest(read_records(tmp_path))} == {"a": 2.0, "b": 1.0}


def test_the_front_is_what_nothing_beats():
    rows = (("a", 1, 5), ("b", 2, 3), ("c", 3, 4), ("d", 9, 1))
    points = [Point(name, ms, quality, None, "artefact") for name, ms, quality in rows]
    line = re.search(r'<polyline class="front" points="([^"]*)"', pareto(points, "t", "q")).group(1)
    assert len(line.split()) == 3, "c is slower and worse than b"


@pytest.mark.slow
def test_it_fits_a_phone(folder, capsys):
    """In Chromium, 412 pixels wide: the page itself does not scroll sideways; nothing is asked of the network."""
    from benchmarks.phone.assets import HERE

    browser = shutil.which("chromium")
    if browser is None or not (HERE / "node_modules" / "playwright-core").is_dir():
        pytest.skip("Chromium, or Playwright (make phone), is not installed")
    (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    assert run(folder, capsys, "--evaluation", folder / "evaluation.json")[0] == 0
    script = f"""
    const {{ chromium }} = require({json.dumps(str(HERE / "node_modules" / "playwright-core"))});
    (async () => {{
      const browser = await chromium.launch({{ executablePath: {json.dumps(browser)}, args: ["--no-sandbox"] }});
      const page = await browser.newPage({{ viewport: {{ width: 412, height: 900 }} }});
      const asked = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.goto({json.dumps((folder / "report.html").as_uri())});
      const row = await page.evaluate(() => Math.max(...[...document.querySelectorAll("td")].map((one) => one.offsetHeight)));
      console.log(JSON.stringify({{ asked, row, width: await page.evaluate(() => document.documentElement.scrollWidth) }}));
      await browser.close();
    }})();
    """
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["width"] == 412
    assert len(told["asked"]) == 1
    assert told["row"] < 200, "a column that is one letter wide makes rows that fill the screen"
