"""What is said on one connection, without its socket: octets come in, whole requests come out.

Ordinary requests are read by `ordinary`, all others by h11, which reads strictly and has no native
code. Nothing here waits, so that who sends slowly holds up nobody.
"""

import h11

from . import ordinary
from .answers import Answer
from .requests import Headers

Asked = tuple[str, str, Headers]
"""Method, target and headers."""

HEADER_BYTES = 32 * 1024
HEADER_LINES = 128
"""More of either are refused unread: h11 takes 8 us for each line, so that 32 KB of them would hold
up all others for a twentieth of a second, and half a millisecond for 40 KB of one."""
_END_OF_HEAD = b"\r\n\r\n"
_TOO_LARGE = 431
_CONTINUE = h11.InformationalResponse(status_code=100, headers=[])


class Dialogue:
    """One connection's requests and answers, in turn.

    `to_send` holds what is to be sent without an answer: `100 Continue`, or that a request could
    not be read. Once `over`, nothing more is read.
    """

    __slots__ = ("_asked", "_head", "_http", "_lines", "_octets", "_tail", "over", "to_send")

    def __init__(self) -> None:
        self._http: h11.Connection | None = None
        self._asked: h11.Request | None = None
        self._head = False
        self._lines = self._octets = 0
        self._tail = b""
        self.to_send = b""
        self.over = False

    @property
    def amid(self) -> bool:
        """Whether part of a request has come, or one that is not answered yet."""
        return self._http is not None

    def hear(self, data: bytes) -> Asked | None:
        """Take octets; the next whole request, or None while there is none."""
        if self._http is None:
            asked = ordinary.read(data)
            if asked is not None:
                self._head = asked[0] == "HEAD"
                return asked
            self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_BYTES)
        if self._asked is None and not self._is_small(data):
            return None
        self._http.receive_data(data)
        return self._next(self._http)

    def tell(self, answer: Answer, *, closing: bool) -> bytes:
        """An answer as it goes over the wire, `over` being set where it is the last one."""
        if self._http is not None:
            return self._tell_strictly(self._http, answer, closing=closing)
        self.over = closing
        return ordinary.write(answer, without_body=self._head, closing=closing)

    def more(self) -> Asked | None:
        """After an answer: the next request, where it has come with the one before."""
        http = self._http
        if http is None or self.over:
            return None
        http.start_next_cycle()
        self._asked, self._tail = None, b""
        self._lines = self._octets = 0
        following = http.trailing_data[0]
        if not following:
            self._http = None
        elif self._is_small(following):
            return self._next(http)
        return None

    def _is_small(self, data: bytes) -> bool:
        """Count what a request's head has by now; False, and the end of it all, where too much."""
        known = self._tail + data
        end = known.find(_END_OF_HEAD)
        part = data if end < 0 else data[: max(0, end - len(self._tail))]
        self._tail = known[1 - len(_END_OF_HEAD) :]
        self._lines += part.count(b"\n")
        self._octets += len(part)
        if self._lines <= HEADER_LINES and self._octets < HEADER_BYTES:
            return True
        self._refuse(_TOO_LARGE)
        return False

    def _next(self, http: h11.Connection) -> Asked | None:
        try:
            while not self.over:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.Request):
                    self._asked = event
                    if http.they_are_waiting_for_100_continue:
                        self.to_send += _wire(http, _CONTINUE)
                elif isinstance(event, h11.EndOfMessage) and self._asked is not None:
                    return _plain(self._asked)
                elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    self.over = True
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
        return None

    def _refuse(self, status: int) -> None:
        """Answer what could not be read, and read no further."""
        self.over = True
        http = self._http
        if http is not None and http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            nothing = [("content-length", "0"), ("connection", "close")]
            self.to_send += _wire(http, h11.Response(status_code=status, headers=nothing))

    def _tell_strictly(self, http: h11.Connection, answer: Answer, *, closing: bool) -> bytes:
        status, lines, body = answer
        if closing:
            lines += "connection: close\r\n"
        parts = [line.partition(": ") for line in lines.split("\r\n")[:-1]]
        headers = [(name, value) for name, _, value in parts]
        told = _wire(http, h11.Response(status_code=status, headers=headers))
        if body and self._asked is not None and self._asked.method != b"HEAD":
            told += _wire(http, h11.Data(data=body))
        told += _wire(http, h11.EndOfMessage())
        self.over = http.our_state is not h11.DONE or http.their_state is not h11.DONE
        return told


def _plain(asked: h11.Request) -> Asked:
    headers = tuple(
        (name.decode("ascii"), value.decode("latin-1")) for name, value in asked.headers
    )
    return asked.method.decode("ascii"), asked.target.decode("ascii"), headers


def _wire(http: h11.Connection, event: h11.Event) -> bytes:
    return http.send(event) or b""
