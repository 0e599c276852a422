"""Faults that a drill asks of a fake: what `faults.json` in its folder names is not answered.

The file is a list of `{"path": prefix, "method": "PUT" (any, if left out), "status": 503}`, with
"seconds": 20 where it is to hang for so long before it answers so; where there is no file, nothing
fails. It is read anew for each request, so a drill can begin and end one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from sandbox.fakes.http import Asked, Said, said_json

FILE: Final = "faults.json"


class Faults:
    """What is to fail now."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def hit(self, asked: Asked) -> Said | None:
        """Return the answer of a fault, None where the request is to be answered."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        for fault in told:
            same_method = fault.get("method", asked.method) == asked.method
            if same_method and asked.path.startswith(fault["path"]):
                time.sleep(fault.get("seconds", 0))
                said = {"code": fault["status"], "message": "a drill has this fail"}
                return said_json(int(fault["status"]), {"error": said})
        return None
