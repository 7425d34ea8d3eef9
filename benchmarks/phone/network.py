"""A phone in the same network: this computer's address there, and a certificate that a browser takes for it."""

import shutil
import socket
import subprocess
from pathlib import Path

DAYS = "7"


def lan_address() -> str:
    """This computer's address towards the rest of the network; nothing is sent to find it.

    Raises:
        ValueError: there is no network.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that nobody has (RFC 5737); for UDP this only looks up the route
        except OSError as error:
            raise ValueError("--lan: this computer is in no network") from error
        return str(probe.getsockname()[0])


def self_signed(address: str, folder: Path) -> Path | None:
    """A certificate for an address with its key, in one file; None where OpenSSL's command is not installed.

    Threads, and with them speed, are given to pages only that come by way of HTTPS or from the same computer.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", "/CN=wavefill"]
    command += ["-addext", f"subjectAltName=IP:{address}", "-keyout", str(key), "-out", str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    both.touch(mode=0o600)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both
