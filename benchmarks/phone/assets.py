"""What the page consists of: a table of the only files that the server gives out, with their types, compressed once."""

import gzip
import threading
from dataclasses import dataclass
from pathlib import Path

from export.errors import ToolchainMissing
from models.system.foreign import parse_json

HERE = Path(__file__).parent
PAGE = HERE / "page"
RUNTIME = HERE / "node_modules" / "onnxruntime-web"

HTML, CSS, JS = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"
WASM, JSON, BYTES = "application/wasm", "application/json", "application/octet-stream"

FILES = {
    # address                            file                                                   type
    "/": (PAGE / "index.html", HTML),
    "/page.css": (PAGE / "page.css", CSS),
    "/page.js": (PAGE / "page.js", JS),
    "/grey.js": (PAGE / "grey.js", JS),
    "/history.js": (PAGE / "history.js", JS),
    "/strokes.js": (PAGE / "strokes.js", JS),
    "/view.js": (PAGE / "view.js", JS),
    "/worker.js": (PAGE / "worker.js", JS),
    "/statistics.js": (PAGE / "statistics.js", JS),
    "/fill.js": (HERE / "fill.js", JS),
    "/runtime/ort.wasm.min.mjs": (RUNTIME / "dist" / "ort.wasm.min.mjs", JS),
    "/runtime/ort-wasm-simd-threaded.mjs": (RUNTIME / "dist" / "ort-wasm-simd-threaded.mjs", JS),
    "/runtime/ort-wasm-simd-threaded.wasm": (RUNTIME / "dist" / "ort-wasm-simd-threaded.wasm", WASM),
}
"""The build of the runtime for WebAssembly only: the one with WebGPU is twice as large."""


@dataclass(frozen=True)
class Asset:
    """One answer: its bytes, and the same compressed."""

    content: bytes
    kind: str
    compressed: bytes


class Assets:
    """Everything that is served, in memory.

    Compressing 14 MB takes a second, so it is done in a thread that begins at once; a request waits for it.

    Args:
        more: further answers: address -> (content, type).

    Raises:
        ToolchainMissing: the JavaScript runtime is not installed.
    """

    def __init__(self, more: dict[str, tuple[bytes, str]]) -> None:
        runtime_version()
        contents = {address: (file.read_bytes(), kind) for address, (file, kind) in FILES.items()} | more
        self.addresses = frozenset(contents)
        self._assets: dict[str, Asset] = {}
        self._ready = threading.Event()
        threading.Thread(target=self._compress, args=(contents,), daemon=True).start()

    def _compress(self, contents: dict[str, tuple[bytes, str]]) -> None:
        self._assets = {a: Asset(content, kind, gzip.compress(content, 6, mtime=0)) for a, (content, kind) in contents.items()}
        self._ready.set()

    def get(self, address: str) -> Asset | None:
        """The answer at an address; None where there is none."""
        if address not in self.addresses:
            return None
        self._ready.wait()
        return self._assets[address]


def runtime_version() -> str:
    """Version of ONNX Runtime Web.

    Raises:
        ToolchainMissing: it is not installed.
    """
    file = RUNTIME / "package.json"
    if not file.is_file():
        raise ToolchainMissing(f"the page needs onnxruntime-web: `make phone`, or npm ci --ignore-scripts --prefix {HERE}")
    return str(parse_json(file.read_text(encoding="utf-8"))["version"])
