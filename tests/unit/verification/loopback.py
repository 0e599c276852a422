"""A server on loopback that answers with whatever bytes a test gives it."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[socket.socket], None]


class Loopback:
    def __init__(self, answer: bytes | Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.tls = tls
        self.requests: list[bytes] = []
        self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}/jwks.json"
        self.threads: list[threading.Thread] = []

    def run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, plain: socket.socket) -> None:
        with suppress(OSError, ValueError):
            sock = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with sock:
                request = b""
                while b"\r\n\r\n" not in request:
                    part = sock.recv(4096)
                    if not part:
                        return
                    request += part
                self.requests.append(request)
                if isinstance(self.answer, bytes):
                    sock.sendall(self.answer)
                else:
                    self.answer(sock)
        plain.close()


@contextmanager
def serving(answer: bytes | Answer, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    server = Loopback(answer, tls)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(5)
        for served in server.threads:
            served.join(5)


def response(
    body: bytes = b"{}",
    *,
    status: str = "200 OK",
    headers: str = "",
    length: int | None = None,
) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n"
    return head.encode() + body
