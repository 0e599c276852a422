"""A fake Azure Functions host: it loads an unpacked bundle and calls its functions over HTTP.

Run by itself with `-I -S`, so that the bundle and the standard library are all that it sees. The
functions get Microsoft's own request objects and give its own answers. Not here: the worker's gRPC
channel, scaling, authorization levels other than anonymous, bindings other than HTTP.

    python -I -S function_host.py <folder of the bundle> <log file>
"""

import http.server
import importlib
import json
import logging
import re
import sys
import time
import types
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

_MISSING, _NOT_ALLOWED, _FAILED = 404, 405, 500
_BODY_LIMIT = 1 << 20


class Routes:
    """The HTTP functions of an app, by address."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "host.json").read_text(encoding="utf-8"))
        prefix = told.get("extensions", {}).get("http", {}).get("routePrefix", "api")
        module = importlib.import_module("function_app")
        self.request_type = importlib.import_module("azure.functions").HttpRequest
        self._found: dict[str, tuple[list[str], Any, bool]] = {}
        for function in module.app.get_functions():
            trigger = function.get_trigger().get_dict_repr()
            if trigger["type"] != "httpTrigger" or "{" in trigger["route"]:
                raise ValueError(f"this host has no {trigger['type']} at {trigger['route']}")
            level = getattr(trigger["authLevel"], "value", trigger["authLevel"])
            if str(level).lower() != "anonymous":
                raise ValueError(f"this host has no function keys: {trigger['route']}")
            methods = [getattr(each, "value", each) for each in trigger.get("methods") or []]
            called = function.get_user_function()
            names = called.__code__.co_varnames[: called.__code__.co_argcount]
            path = f"/{prefix}/{trigger['route']}".replace("//", "/")  # the prefix may be empty
            self._found[path.lower()] = (methods, called, "context" in names)

    def call(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        """Return the function's answer, or the status of there being none."""
        parts = urllib.parse.urlsplit(target)
        found = self._found.get(parts.path.lower())
        if found is None:
            return _MISSING
        methods, called, wants_context = found
        if methods and method not in methods:
            return _NOT_ALLOWED
        request = self.request_type(
            method=method,
            url=f"http://{headers.get('host', '')}{target}",
            headers=headers,
            params=dict(urllib.parse.parse_qsl(parts.query)),
            route_params={},
            body=body,
        )
        context = types.SimpleNamespace(invocation_id=str(uuid.uuid4()))
        return called(request, context) if wants_context else called(request)


def handler(routes: Routes) -> type[http.server.BaseHTTPRequestHandler]:
    """Return what answers requests."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > _BODY_LIMIT:
                self._say(413, {}, b"")
                return
            body = self.rfile.read(length)
            headers: dict[str, str] = {}
            for name, sent in self.headers.items():
                known = headers.get(name.lower())
                # White space around a value is no part of it (RFC 9110 section 5.5).
                value = sent.strip(" \t")
                headers[name.lower()] = value if known is None else f"{known}, {value}"
            try:
                answer = routes.call(self.command, self.path, headers, body)
            except Exception:
                logging.getLogger("host").exception("a function raised")
                answer = _FAILED
            if isinstance(answer, int):
                self._say(answer, {}, b"")
                return
            told = dict(answer.headers.items())
            told.setdefault("content-type", f"{answer.mimetype}; charset={answer.charset}")
            self._say(answer.status_code, told, answer.get_body())

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing of requests."""

        do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815
        do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    return Handler


class Lines(logging.Formatter):
    """One line for each record: epoch milliseconds, then the message, any breaks written out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = re.sub(r"[\r\n]+", " ", super().format(record))
        return f"{int(time.time() * 1000)} {text}"


def main(folder: str, log: str) -> None:
    """Load the app, tell the port, and serve until ended."""
    sys.path.insert(0, folder)
    to_file = logging.FileHandler(log, encoding="utf-8")
    to_file.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[to_file])
    routes = Routes(Path(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(routes))
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:3])
