"""What the emulator's own Python runs: ministack, with its memory written down as it changes.

By itself ministack saves its state only when it ends in peace. Here every change of a resource is
on disk about half a second later, so that a kill or a reboot does not lose keys that a stack's
state names.
Needs ministack and the standard library alone; nothing of ours is imported.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import re
import threading
import time
from typing import Any

import ministack.app as ministack
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.core import lambda_runtime, persistence, responses
from ministack.services import cloudwatch_logs

_PAUSE = 0.5
_ATTEMPTS = 5
_READS = re.compile(r"(Get|List|Describe|Sign|Verify|Filter|Batch|Test|Generate|Encrypt|Decrypt)")
_DATA_PLANE = re.compile(r"/_ministack/|.*/_user_request_/|/2015-03-31/functions/[^/]+/invocations")

log = logging.getLogger("signet.sandbox")


class Memory:
    """Saves the services' state soon after a change, and once more at the end."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._saving = threading.Lock()

    def note(self, scope: dict[str, Any]) -> None:
        """Take notice of a request that has been answered."""
        if scope["type"] == "http" and _may_change(scope):
            self._changed.set()

    def keep(self) -> None:
        """Save after changes, for as long as the process lives."""
        while True:
            self._changed.wait()
            time.sleep(_PAUSE)
            self._changed.clear()
            # ministack has no public way to ask for this; the version is pinned by hash.
            self.save(ministack._build_persistence_save_dict())

    def save(self, services: dict[str, Any]) -> None:
        """Write every service's state; one that changes under the reading is read again."""
        with self._saving:
            for name, get_state in services.items():
                state = _stable(name, get_state)
                if state is not None:
                    persistence.save_state(name, state)


def _stable(name: str, get_state: Any) -> Any:
    for attempt in range(_ATTEMPTS):
        try:
            return get_state()
        except RuntimeError as error:  # a dictionary changed size while it was copied
            log.debug("%s: state changed under attempt %d: %s", name, attempt, error)
            time.sleep(0.01)
    log.error("the state of %s could not be read; the last saved one stands", name)
    return None


def _may_change(scope: dict[str, Any]) -> bool:
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    if _DATA_PLANE.match(scope["path"]):
        return False
    headers = dict(scope["headers"])
    if b".execute-api." in headers.get(b"host", b""):
        return False
    action = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")[2]
    return not _READS.match(action)


def keep_instances_after_errors() -> None:
    """Let a function's instance live on after its handler raised, as Lambda does.

    An authorizer says 401 by raising. AWS's own runtime client reports that and takes the next
    event (awslambdaric, `handle_event_request`); ministack ends the instance, so that every refusal
    would cost the next request a cold start, and no cache of a validator would ever be seen.
    """
    told = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(told) != 1:
        raise RuntimeError("ministack's Python worker is not the one that this was written for")
    kept = f'{{"status": "ok", "result": None, "raised": {told}}}'
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(told, kept)
    invoke = lambda_runtime.Worker.invoke

    def invoke_and_keep(worker: Any, *args: Any, **named: Any) -> dict[str, Any]:
        response: dict[str, Any] = invoke(worker, *args, **named)
        return {**response, **response.pop("raised", {})}

    lambda_runtime.Worker.invoke = invoke_and_keep


class QueryDefinitions:
    """A fake of three calls of CloudWatch Logs that ministack lacks: queries are kept, not run.

    Source: CloudWatch Logs API reference, `PutQueryDefinition` (a put without an id always makes
    another one), `DescribeQueryDefinitions` and `DeleteQueryDefinition`.
    """

    _KEPT = "signet_query_definitions"

    def __init__(self) -> None:
        self._kept = responses.AccountRegionScopedDict()
        self._answers = {
            "PutQueryDefinition": self._put,
            "DescribeQueryDefinitions": self._describe,
            "DeleteQueryDefinition": self._delete,
        }

    def install(self) -> None:
        """Answer these calls in place of ministack, and be saved and restored with its logs."""
        handle, state = cloudwatch_logs.handle_request, cloudwatch_logs.get_state
        load = cloudwatch_logs.load_persisted_state

        async def handle_request(
            method: str, path: str, headers: Any, body: Any, query_params: Any
        ) -> Any:
            answer = self._answers.get(headers.get("x-amz-target", "").rpartition(".")[2])
            if answer is None:
                return await handle(method, path, headers, body, query_params)
            return answer(json.loads(body))

        def load_persisted_state(data: dict[str, Any]) -> None:
            self._kept.update(data.pop(self._KEPT, {}))
            load(data)

        cloudwatch_logs.handle_request = handle_request
        cloudwatch_logs.get_state = lambda: {**state(), self._KEPT: copy.deepcopy(self._kept)}
        cloudwatch_logs.load_persisted_state = load_persisted_state

    def _put(self, told: dict[str, Any]) -> Any:
        known = told.get("queryDefinitionId")
        if known is not None and known not in self._kept:
            return self._not_found(known)
        identity = known or responses.new_uuid()
        names = ("name", "queryString", "logGroupNames")
        self._kept[identity] = {
            "queryDefinitionId": identity,
            **{name: told[name] for name in names if name in told},
            "lastModified": int(time.time() * 1000),
        }
        return responses.json_response({"queryDefinitionId": identity})

    def _describe(self, told: dict[str, Any]) -> Any:
        prefix = told.get("queryDefinitionNamePrefix", "")
        found = [each for each in self._kept.values() if each["name"].startswith(prefix)]
        return responses.json_response({"queryDefinitions": found})

    def _delete(self, told: dict[str, Any]) -> Any:
        if self._kept.pop(told["queryDefinitionId"], None) is None:
            return self._not_found(told["queryDefinitionId"])
        return responses.json_response({"success": True})

    def _not_found(self, identity: str) -> Any:
        return responses.error_response_json(
            "ResourceNotFoundException", f"There is no query definition {identity}.", 400
        )


def main() -> None:
    """Serve on the address that the environment names until told to end."""
    keep_instances_after_errors()
    QueryDefinitions().install()
    memory = Memory()
    ministack.save_all = memory.save
    threading.Thread(target=memory.keep, name="memory", daemon=True).start()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await ministack.app(scope, receive, send)
        finally:
            memory.note(scope)

    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "INFO")
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
