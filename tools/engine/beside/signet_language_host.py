"""A language host for Python programs, small enough to stand beside a built `pulumi` command.

Written by Signet's set-up. Pulumi's own host is a Go module of its own that the module proxy does
not have. This one runs the program in its own process, with the server that the Automation API
uses for inline programs; the SDK's version is locked, so that reaching into it is safe. It serves
`up`, `preview`, `refresh` and `destroy`; it does not install dependencies or convert programs.
"""

import os
import runpy
import sys
from concurrent import futures
from pathlib import Path
from threading import Event
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import language_pb2_grpc


class ProgramServer(LanguageServer):
    """Runs the program that a request names."""

    def __init__(self, engine: str) -> None:
        super().__init__(lambda: None)
        self._engine = engine

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the protocol's name
        """Run one program to its end."""
        folder = Path(request.info.program_directory or request.pwd or ".").absolute()
        entry = folder / (request.info.entry_point or ".")
        os.chdir(request.pwd or folder)
        sys.path.insert(0, str(folder))
        sys.argv = [str(entry), *request.args]
        # The inline server expects the engine's address where a program has its arguments.
        del request.args[:]
        request.args.append(self._engine)
        file = entry / "__main__.py" if entry.is_dir() else entry

        def program() -> None:
            runpy.run_path(str(file), run_name="__main__")

        self.program = program
        return super().Run(request, context)  # type: ignore[no-untyped-call]


def main() -> None:
    """Serve until the engine ends this process; the engine's address is the last argument."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=_GRPC_CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(ProgramServer(sys.argv[-1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    try:
        Event().wait()
    except KeyboardInterrupt:
        server.stop(grace=None)


if __name__ == "__main__":
    main()
