"""The page: fill photos and measure in a browser, on this computer or on a phone in the same network, without any app."""

import argparse
import datetime
import errno
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.phone.assets import Assets, runtime_version
from benchmarks.phone.models_served import Served, served
from benchmarks.phone.network import lan_address, self_signed
from benchmarks.phone.records import checked, keep, summary
from benchmarks.phone.server import PageServer
from export.errors import ToolchainMissing
from models.system.errors import OK, Parser, note
from models.system.number_arguments import whole

SUMMARY = "serve a page that fills photos in a browser, and measures it"
EXAMPLES = ("python -m benchmarks phone", "python -m benchmarks phone --lan --out records")
LOOPBACK = ("127.0.0.1", "localhost")


def add_arguments(parser: Parser) -> None:
    """Options of ``phone``."""
    parser.add_argument(
        "--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="what the page may run (default: artifacts)"
    )
    parser.add_argument("--lan", action="store_true", help="let a phone in the same network in, not only this computer")
    parser.add_argument(
        "--port", type=whole(0, 65_535), default=8765, metavar="N", help="port to listen on; 0: any (default: 8765)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("records"), metavar="DIR", help="where records of benchmarks go (default: records)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    version = runtime_version()
    print(f"computing the golden results of {arguments.artifacts}", file=sys.stderr)
    models, contents = served(arguments.artifacts)
    arguments.out.mkdir(parents=True, exist_ok=True)  # what cannot be written is said now, not after the first measurement
    with tempfile.TemporaryDirectory() as scratch:
        server = _server(arguments, models, Assets(contents), Path(scratch))
        with server:
            _tell(server, version, models, lan=arguments.lan)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print(f"stopped; records are in {arguments.out}", file=sys.stderr)
    return OK


def _server(arguments: argparse.Namespace, models: list[Served], assets: Assets, scratch: Path) -> PageServer:
    def receive(body: bytes) -> str:
        record = checked(body, models, datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
        path = keep(record, arguments.out)
        print(f"{summary(record)} -> {path}", file=sys.stderr, flush=True)
        return path.name

    host: str = LOOPBACK[0]
    names: tuple[str, ...] = LOOPBACK
    certificate = None
    if arguments.lan:
        own = lan_address()
        certificate = self_signed(own, scratch)
        host, names = "0.0.0.0", (own, *LOOPBACK)
    try:
        return PageServer(host, arguments.port, assets, receive, names=names, certificate=certificate)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ValueError(f"--port {arguments.port}: {os.strerror(error.errno or 0)}; choose another one, 0 takes any") from error


def _tell(server: PageServer, version: str, models: list[Served], *, lan: bool) -> None:
    names = ", ".join(model.name for model in models)
    print(f"{names}; ONNX Runtime Web {version}. The address works once, in one browser. Ctrl-C stops.", file=sys.stderr)
    if lan:
        print(_qr_code(server.address), file=sys.stderr)
        if server.scheme == "https":
            note("the certificate was made here, so the phone will warn of it; go on (Safari: Show Details)")
        else:
            note("OpenSSL is not installed, so the page comes without HTTPS and has one thread only")
    print(server.address, flush=True)


def _qr_code(address: str) -> str:
    try:
        import segno
    except ModuleNotFoundError as error:
        raise ToolchainMissing("the QR code needs segno: pip install 'wavefill[benchmarks]'") from error
    from io import StringIO

    text = StringIO()
    segno.make(address, error="l").terminal(text, compact=True)
    return text.getvalue()
