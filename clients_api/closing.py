"""How a server stops to listen, and resets nobody."""

from __future__ import annotations

import ctypes
import logging
import socket
import struct
import sys

log = logging.getLogger("clients_api")

SO_ATTACH_FILTER = 26  # socket(7)
# Classic BPF: code, where to jump to if so and if not, value (linux/filter.h). Of a TCP segment,
# byte 13 of which holds the flags, with SYN (RFC 9293, section 3.1) nothing is let through.
_NO_SYN = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x45, 0, 1, 0x02),  # is SYN set?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # or else take all of it
)


def let_nobody_in(listener: socket.socket) -> None:
    """Have the kernel connect nobody any more, of whom a socket is still listening to the others.

    The kernel connects callers for as long as a socket listens, and resets those whom nobody has
    accepted when it is closed; to accept the last one and to close it can't be done at once. So
    first the kernel is told to drop what asks for a connection. Callers ask again a second later,
    and are refused, or connected by whoever listens then. Linux alone can do that.
    """
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in _NO_SYN)
    memory = ctypes.create_string_buffer(program)
    pointer = struct.pack("@HP", len(_NO_SYN), ctypes.addressof(memory))
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)
    except OSError as error:
        log.debug("Callers may be reset as the server stops: %s", error)
