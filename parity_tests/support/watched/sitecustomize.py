"""Python imports this at its start where the folder is on PYTHONPATH: in a process under watch and in all its children.

A first attempt to reach anything beyond this machine is written down and ends the process. Native libraries do not pass here.
"""

import os
import sys

REFUSED = 97
LOCAL = ("127.", "localhost", "::1", "0.0.0.0", "/", "\0")


def watch(event, arguments):
    """Audit hook: addresses of sockets and names to look up."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        target = address[0] if isinstance(address, tuple) else address
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex"):
        target = arguments[0]
    else:
        return
    target = os.fsdecode(target or "localhost")
    if not target.startswith(LOCAL):
        os.write(2, f"network use: {event} {target}\n".encode())
        os._exit(REFUSED)


sys.addaudithook(watch)
