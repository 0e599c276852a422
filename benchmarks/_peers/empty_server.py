"""A server that reads whatever comes and sends one answer of the usual size: Python's own floor.

`python -m benchmarks._peers.empty_server PORT`; it knows nothing of HTTP, of limits or of an end.
"""

import selectors
import socket
import sys

_BODY = b"x" * 270
_ANSWER = (
    b"HTTP/1.1 200 \r\ncontent-type: application/json\r\ncontent-length: 270\r\n"
    b"x-signet-filler: " + b"x" * 300 + b"\r\n\r\n" + _BODY
)


def main(port: int) -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    buffer = bytearray(32_768)
    while True:
        for key, _ in selector.select():
            found = key.fileobj
            if found is listener:
                connection, _peer = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
            elif isinstance(found, socket.socket):
                if found.recv_into(buffer):
                    found.send(_ANSWER)
                else:
                    selector.unregister(found)
                    found.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
