"""The server of the page: one browser, let in by an address with a token that works once; nobody else gets an answer.

What it guards against: others in the same network (token and cookie), pages of other sites that the same browser has open
(Origin, Host), addresses outside the table of files (there is no path that leads to a disk), bodies without end (length first).
"""

import hmac
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.phone.assets import Assets

LARGEST_BODY = 64 * 1024
"""A record has 2 kB."""

SECONDS = 30.0
"""A connection that says nothing for so long is closed."""

COOKIE = "wavefill"

HEADERS = {
    # Both together give the page threads (SharedArrayBuffer).
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "worker-src 'self' blob:; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Receive = Callable[[bytes], str]
"""Takes the body of a record, returns the name that it was kept under; ``ValueError`` where it is none."""


class PageServer(ThreadingHTTPServer):
    """Serves a table of assets to one browser.

    Args:
        host: address to listen on.
        port: 0 for any.
        names: host names that the browser may use; default ``host``.
        assets: what is served.
        receive: called with every record.
        certificate: file with certificate and key; None: HTTP.

    Raises:
        OSError: the port is taken, or not ours to take.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        host: str,
        port: int,
        assets: Assets,
        receive: Receive,
        *,
        names: tuple[str, ...] = (),
        certificate: Path | None = None,
    ) -> None:
        super().__init__((host, port), _Handler)
        self.assets, self.receive = assets, receive
        self.scheme = "https" if certificate else "http"
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.port = int(self.server_address[1])
        self.authorities = frozenset(f"{name}:{self.port}" for name in names or (host,))
        self._name = (names or (host,))[0]
        self._token, self._session = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        self._opened, self._lock = False, threading.Lock()

    @property
    def address(self) -> str:
        """What is typed into the browser, or scanned."""
        return f"{self.scheme}://{self._name}:{self.port}/open/{self._token}"

    def session_for(self, token: str) -> str | None:
        """The cookie of the one browser, for the right token and only once."""
        with self._lock:
            if self._opened or not hmac.compare_digest(token.encode(), self._token.encode()):
                return None
            self._opened = True
            return self._session

    def is_session(self, cookie: str) -> bool:
        """Whether a request comes from the browser that was let in."""
        return hmac.compare_digest(cookie.encode(), self._session.encode())

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection; its handshake is part of its first reading, in its own thread, and holds up nobody else."""
        connection, client = super().get_request()
        if self._context:
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks, or does not speak TLS, is the client's affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "wavefill"
    sys_version = ""
    timeout = SECONDS
    server: PageServer

    def do_GET(self) -> None:
        if not self._expected_host():
            return
        address = self.path.partition("?")[0]
        if address.startswith("/open/"):
            self._open(address.removeprefix("/open/"))
        elif self._let_in():
            asset = self.server.assets.get(address)
            if asset is None:
                self._say(HTTPStatus.NOT_FOUND, "there is nothing at this address")
            else:
                zipped = "gzip" in self.headers.get("Accept-Encoding", "")
                self._send(HTTPStatus.OK, asset.compressed if zipped else asset.content, asset.kind, zipped=zipped)

    def do_POST(self) -> None:
        # Whatever is refused, its body stays unread: the connection cannot be used again.
        self.close_connection = True
        if not self._expected_host() or not self._let_in():
            return
        origin, expected = self.headers.get("Origin"), f"{self.server.scheme}://{self.headers.get('Host')}"
        length = self.headers.get("Content-Length", "")
        if origin != expected:
            self._say(HTTPStatus.FORBIDDEN, "records are taken from this page only")
        elif self.path != "/records":
            self._say(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        elif self.headers.get_content_type() != "application/json":
            self._say(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a record is application/json")
        elif not (length.isascii() and length.isdigit()):
            self._say(HTTPStatus.LENGTH_REQUIRED, "a record says its length")
        elif len(length) > 9 or int(length) > LARGEST_BODY:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a record has at most {LARGEST_BODY} bytes")
        else:
            self._receive(self.rfile.read(int(length)))

    def _receive(self, body: bytes) -> None:
        try:
            name = self.server.receive(body)
        except ValueError as error:
            self._say(HTTPStatus.BAD_REQUEST, str(error)[:300])
        else:
            self._send(HTTPStatus.CREATED, json.dumps({"saved": name}).encode(), "application/json")

    def _open(self, token: str) -> None:
        session = self.server.session_for(token)
        if session is None:
            self._say(HTTPStatus.FORBIDDEN, "this address works once, in one browser; start the command again for a new one")
            return
        secure = "; Secure" if self.server.scheme == "https" else ""
        cookie = f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict{secure}"
        # A page that leads on, not a redirect: cookies that are strict are not sent along where another app opened the address.
        content = (
            b'<!doctype html><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url=/"><title>wavefill</title>'
        )
        self._send(HTTPStatus.OK, content, "text/html; charset=utf-8", cookie=cookie)

    def _expected_host(self) -> bool:
        if self.headers.get("Host") in self.server.authorities:
            return True
        self._say(HTTPStatus.FORBIDDEN, "unknown host name")
        return False

    def _let_in(self) -> bool:
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            morsel = None
        if morsel is not None and self.server.is_session(morsel.value):
            return True
        self._say(HTTPStatus.FORBIDDEN, "open the address that the terminal shows")
        return False

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._send(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str, *, zipped: bool = False, cookie: str | None = None) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""
