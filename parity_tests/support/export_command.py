"""The exporter's command line as a test calls it."""

from export.__main__ import main
from models.system.errors import run_main

SIZE = 32
ARTEFACT = f"tiny-{SIZE}-onnx-fp32"


class Cli:
    """Runs the command line in this process and keeps what it printed."""

    def __init__(self, capsys, checkpoint, out):
        self.capsys, self.checkpoint, self.out = capsys, checkpoint, out

    def __call__(self, *arguments):
        """Exit code; ``self.stdout`` and ``self.stderr`` hold the text."""
        self.capsys.readouterr()
        try:
            code = run_main(main, [str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        self.stdout, self.stderr = self.capsys.readouterr()
        return code

    def make(self, *arguments):
        """``export onnx`` on the tiny checkpoint in fp32."""
        schemes = () if "--scheme" in arguments else ("--scheme", "fp32")
        return self("onnx", "--checkpoint", self.checkpoint, "--size", SIZE, "--out", self.out, *schemes, *arguments)

    @property
    def error(self):
        """The one line that says what went wrong."""
        lines = [line for line in self.stderr.splitlines() if "error:" in line]
        assert len(lines) == 1, self.stderr
        assert "Traceback" not in self.stderr
        return lines[0]

    @property
    def left(self):
        """Names in the output folder, hidden ones too."""
        return sorted(path.name for path in self.out.iterdir()) if self.out.is_dir() else []
