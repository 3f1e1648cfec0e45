"""A peer that speaks the transport by hand (docs/spec/01), so that it can also speak it wrongly."""

import socket
import struct
import time

FRAME_BYTES_MAX = 16 << 20


def cbor_head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for info, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I"), (27, 8, ">Q")):
        if value < 1 << 8 * size:
            return bytes([major << 5 | info]) + struct.pack(form, value)
    raise ValueError(value)


def bytes_item(value):
    return cbor_head(2, len(value)) + value


def address(value, kind=0):
    return b"\x82" + cbor_head(0, kind) + bytes_item(value.encode() if isinstance(value, str) else value)


def route(*addresses):
    """Each a string, bytes, or an encoded address in a 1-tuple."""
    items = [a[0] if isinstance(a, tuple) else address(a) for a in addresses]
    return cbor_head(4, len(items)) + b"".join(items)


def body(onward, back, payload):
    return b"\x84" + onward + back + bytes_item(payload) + b"\x62{}"


def framed(content):
    return struct.pack(">I", len(content)) + content


def message(onward, payload=b"", back=("me",)):
    return framed(body(route(*onward), route(*back), payload))


def bare_string(text):
    data, length = text.encode() if isinstance(text, str) else text, b""
    size = len(data)
    while size >= 128:
        length += bytes([size & 127 | 128])
        size >>= 7
    return length + bytes([size]) + data


class Peer:
    """One connection to a node's listener."""

    def __init__(self, port, version=b"\x01", timeout_s=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.version_seen = False
        if version:
            self.send(version)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self, size, deadline):
        parts, got = [self.buffer], len(self.buffer)
        while got < size:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            part = self.socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError("closed by the node")
            parts.append(part)
            got += len(part)
        whole = b"".join(parts)
        self.buffer = whole[size:]
        return whole[:size]

    def receive(self, timeout_s=5):
        """The next frame's body; TimeoutError, or ConnectionError where the node has closed."""
        deadline = time.monotonic() + timeout_s
        if not self.version_seen:
            self._fill(1, deadline)
            self.version_seen = True
        size = struct.unpack(">I", self._fill(4, deadline))[0]
        return self._fill(size, deadline)

    def echo(self, payload=b"ping", timeout_s=5):
        """Asks the node's echo; skips what answers earlier messages. False where no answer comes."""
        wanted, deadline = bytes_item(payload), time.monotonic() + timeout_s
        try:
            self.send(message(["echo"], payload))
            while wanted not in self.receive(deadline - time.monotonic()):
                pass
            return True
        except OSError:
            return False

    def closed_by_node(self, timeout_s=5):
        """Does the node close within the time? What it sends before that is ignored."""
        self.socket.settimeout(timeout_s)
        try:
            while self.socket.recv(1 << 16):
                pass
            return True
        except socket.timeout:
            return False
        except OSError:
            return True
