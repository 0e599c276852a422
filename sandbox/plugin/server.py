"""The provider protocol: requests in, the table's decisions and the handlers' effects, answers out.

Source of the messages: pulumi/pulumi, proto/pulumi/provider.proto (3.259.0).
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent import futures
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.plugin import naming
from sandbox.plugin.check import HIDDEN, faults_of, normalised
from sandbox.plugin.config import config_faults, read_config
from sandbox.plugin.diff import Difference, difference, inputs_of, settle
from sandbox.plugin.guard import NotTheSandbox, sandbox_folder
from sandbox.plugin.spec import Call, Fault, Provider, Resource, State
from sandbox.plugin.values import UNKNOWN, Props, from_struct, has_unknown, to_struct

log = logging.getLogger("sandbox.plugin")

_MESSAGE_LIMIT = 400 << 20
_WATCH_SECONDS = 0.5
_GRACE_SECONDS = 10.0
_MODES = {0: "propose", 1: naming.ENFORCE, 2: naming.DISABLE}
_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class Refused(Exception):
    """A request that cannot be served; its text is what the engine shows."""


class PartlyDone(Exception):
    """The resource exists but is not as asked: the engine records it together with the reason."""

    def __init__(self, state: State, inputs: Props, reason: str) -> None:
        super().__init__(reason)
        self.state, self.inputs, self.reason = state, inputs, reason


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """One provider served to one engine."""

    def __init__(self, provider: Provider, environ: Mapping[str, str]) -> None:
        self._provider = provider
        self._environ = environ
        self._cloud: Any = None
        self._cancelled = threading.Event()

    # What the plugin is

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer what this plugin understands: secrets and outputs come opened."""
        return provider_pb2.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer the version of the SDK that the program uses."""
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer no schema: programs bring their SDK."""
        return provider_pb2.GetSchemaResponse(schema="{}")

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Nothing is kept about the engine."""
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Let calls under way end; begin no other."""
        self._cancelled.set()
        return empty_pb2.Empty()

    # The provider resource

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuse outside the sandbox, and settings that the sandbox does not handle."""
        with _Answering(context, self._provider, request.urn):
            self._guard()
            failures = _failures(
                config_faults(from_struct(request.news), self._provider.config),
                f"pulumi:providers:{self._provider.name}",
                request.urn,
            )
            return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Every setting may change in place, except that another region is another place."""
        with _Answering(context, self._provider, request.urn):
            old, new = from_struct(request.old_inputs), from_struct(request.news)
            changed = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
            return provider_pb2.DiffResponse(
                changes=provider_pb2.DiffResponse.DIFF_SOME
                if changed
                else provider_pb2.DiffResponse.DIFF_NONE,
                diffs=changed,
                replaces=[
                    k
                    for k in changed
                    if k in self._provider.config and self._provider.config[k].replace
                ],
            )

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuse outside the sandbox; else make the clients."""
        with _Answering(context, self._provider, ""):
            self._guard()
            config = read_config(from_struct(request.args), self._provider.config)
            self._cloud = self._provider.configure(config, self._environ)
            return provider_pb2.ConfigureResponse(
                supportsPreview=True, supports_autonaming_configuration=True
            )

    def _guard(self) -> None:
        try:
            sandbox_folder(self._environ)
        except NotTheSandbox as refusal:
            raise Refused(str(refusal)) from refusal

    # Resources

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Validate inputs, fill in defaults and the physical name."""
        with _Answering(context, self._provider, request.urn):
            resource = self._resource(request)
            old = from_struct(request.olds)
            new = normalised(from_struct(request.news), resource.inputs)
            wish = naming.Wish(
                bytes(request.randomSeed),
                request.autonaming.proposed_name,
                _MODES[request.autonaming.mode] if request.HasField("autonaming") else "propose",
            )
            faults = list(faults_of(new, resource.inputs))
            name = naming.named(resource, request.urn, old, new, wish)
            if isinstance(name, Fault):
                faults.append(name)
            else:
                new = name
            if not faults and self._provider.prepare is not None:
                new = self._provider.prepare(self._cloud, resource, new)
            if not faults and resource.validate is not None:
                faults.extend(resource.validate(new))
            return provider_pb2.CheckResponse(
                inputs=to_struct(new), failures=_failures(faults, resource.token, request.urn)
            )

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Say what changed, and whether in place."""
        with _Answering(context, self._provider, request.urn):
            resource = self._resource(request)
            old = from_struct(request.old_inputs)
            found = _ignoring(
                difference(resource, old, from_struct(request.news)), request.ignoreChanges
            )
            return provider_pb2.DiffResponse(
                changes=provider_pb2.DiffResponse.DIFF_SOME
                if found.changes
                else provider_pb2.DiffResponse.DIFF_NONE,
                diffs=sorted(found.changed),
                replaces=sorted({c.top for c in found.changes if c.replace}),
                deleteBeforeReplace=found.delete_before_replace,
                hasDetailedDiff=True,
                detailedDiff={
                    c.path: provider_pb2.PropertyDiff(
                        kind=_KINDS[c.kind, c.replace], inputDiff=True
                    )
                    for c in found.changes
                },
            )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make the resource. A create never takes an existing resource for the wanted one."""
        with _Answering(context, self._provider, request.urn):
            resource = self._resource(request)
            inputs = from_struct(request.properties)
            if request.preview:
                unknown = dict.fromkeys(resource.outputs, UNKNOWN)
                unset = {n: UNKNOWN for n, p in resource.inputs.items() if p.computed}
                return provider_pb2.CreateResponse(
                    properties=to_struct({**unknown, **unset, **_seen(inputs)})
                )
            self._require_known(inputs)
            call = self._call(resource, request.urn)
            try:
                resource_id = resource.create(call, inputs)
                state = self._state(resource, call, resource_id, inputs)
            except Exception as error:
                self._partly_done(resource, call, inputs, error)
                raise
            return provider_pb2.CreateResponse(id=state.id, properties=to_struct(state.props))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refresh, or import where only an id is given."""
        with _Answering(context, self._provider, request.urn):
            resource = self._resource(request)
            known, old = from_struct(request.properties), from_struct(request.inputs)
            call = self._call(resource, request.urn)
            state = resource.read(call, request.id, known)
            if state is None:
                return provider_pb2.ReadResponse()
            inputs = inputs_of(old, state.props, resource.inputs)
            props = {**_seen(inputs), **settle(inputs, state.props, resource.inputs)}
            return provider_pb2.ReadResponse(
                id=state.id, properties=to_struct(props), inputs=to_struct(inputs)
            )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change the resource in place."""
        with _Answering(context, self._provider, request.urn):
            resource = self._resource(request)
            old, new = from_struct(request.olds), from_struct(request.news)
            old_inputs = from_struct(request.old_inputs)
            changed = self._changed(resource, old_inputs, old, new, request.ignoreChanges)
            if request.preview:
                return provider_pb2.UpdateResponse(
                    properties=to_struct(_foreseen(resource, old, new, changed))
                )
            if resource.update is None:
                msg = f"{resource.token} cannot be changed in place ({request.urn})"
                raise Refused(msg)
            self._require_known(new)
            call = self._call(resource, request.urn)
            try:
                resource.update(call, request.id, old, new, changed)
                state = self._state(resource, call, request.id, new)
            except Exception as error:
                call.made(request.id)
                self._partly_done(resource, call, old_inputs, error)
                raise
            return provider_pb2.UpdateResponse(properties=to_struct(state.props))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Delete the resource; one that is gone is no error."""
        with _Answering(context, self._provider, request.urn):
            resource = self._resource(request)
            call = self._call(resource, request.urn)
            resource.delete(call, request.id, from_struct(request.properties))
            return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Call a function."""
        with _Answering(context, self._provider, request.tok):
            function = self._provider.functions.get(request.tok)
            if function is None:
                msg = f"the sandbox's {self._provider.name} plugin has no function {request.tok}"
                raise Refused(msg)
            args = normalised(from_struct(request.args), function.inputs)
            failures = _failures(faults_of(args, function.inputs), request.tok, "")
            if failures:
                return provider_pb2.InvokeResponse(failures=failures)
            call = Call(self._cloud, request.tok, request.tok, self._cancelled)
            answer = provider_pb2.InvokeResponse()
            # The field is named by a word that Python keeps for itself.
            getattr(answer, "return").CopyFrom(to_struct(function.invoke(call, args)))
            return answer

    # Helpers

    def _resource(self, request: Any) -> Resource:
        token = request.type or request.urn.split("::")[2].rsplit("$", 1)[-1]
        resource = self._provider.resources.get(token)
        if resource is None:
            msg = (
                f"the sandbox's {self._provider.name} plugin does not handle the type {token} "
                f"({request.urn}); it handles {', '.join(sorted(self._provider.resources))}"
            )
            raise Refused(msg)
        return resource

    def _call(self, resource: Resource, urn: str) -> Call:
        if self._cancelled.is_set():
            msg = f"cancelled before it began: {urn}"
            raise Refused(msg)
        return Call(self._cloud, resource.token, urn, self._cancelled)

    def _changed(
        self, resource: Resource, old_inputs: Props, old: Props, new: Props, ignored: Any
    ) -> frozenset[str]:
        """What an update has to change: against the inputs of before and against the state.

        After a half-done create or update the engine takes the new inputs for the old ones and
        asks for an update all the same; only the state tells what is still missing.
        """
        seen = inputs_of(old_inputs, old, resource.inputs)
        pairs = (difference(resource, was, new) for was in (old_inputs, seen))
        return frozenset().union(*(_ignoring(found, ignored).changed for found in pairs))

    def _require_known(self, inputs: Props) -> None:
        unknown = sorted(name for name, value in inputs.items() if has_unknown(value))
        if unknown:
            msg = f"inputs still unknown outside a preview: {', '.join(unknown)}"
            raise Refused(msg)

    def _state(self, resource: Resource, call: Call, resource_id: str, inputs: Props) -> State:
        state = resource.read(call, resource_id, inputs)
        if state is None:
            msg = f"{resource.token} {resource_id} is gone right after the call that made it"
            raise Refused(msg)
        return State(state.id, {**_seen(inputs), **settle(inputs, state.props, resource.inputs)})

    def _partly_done(self, resource: Resource, call: Call, inputs: Props, error: Exception) -> None:
        """Raise `PartlyDone` with what is there, where something is there."""
        if call.made_id is None:
            return
        try:
            state = resource.read(call, call.made_id, inputs)
        except Exception:  # noqa: BLE001 - the first error is the one to tell
            state = State(call.made_id, {})
        if state is None:
            return
        observed = inputs_of(inputs, state.props, resource.inputs) if state.props else inputs
        props = {**_seen(observed), **settle(inputs, state.props, resource.inputs)}
        reason = _explain(self._provider, error)
        raise PartlyDone(State(state.id, props), observed, reason) from error


def _seen(inputs: Props) -> Props:
    """Inputs as outputs: without the record of which were filled in."""
    return {name: value for name, value in inputs.items() if name != HIDDEN}


def _foreseen(resource: Resource, old: Props, new: Props, changed: frozenset[str]) -> Props:
    """Outputs after an update, as far as they can be known before it."""
    kept = {n: v for n, v in old.items() if n not in resource.inputs or resource.inputs[n].computed}
    unsettled = {n: UNKNOWN for n, causes in resource.unsettled.items() if causes & changed}
    return {**kept, **_seen(new), **unsettled}


def _ignoring(found: Difference, ignored: Any) -> Difference:
    paths = tuple(ignored)
    if not paths:
        return found
    kept = tuple(
        c
        for c in found.changes
        if not any(c.path == p or c.path.startswith((f"{p}.", f"{p}[")) for p in paths)
    )
    return Difference(kept, found.delete_before_replace and any(c.replace for c in kept))


def _failures(faults: Any, token: str, urn: str) -> list[Any]:
    where = f" ({urn})" if urn else ""
    return [
        provider_pb2.CheckFailure(
            property=fault.path, reason=f"{token}: {fault.path} {fault.problem}{where}"
        )
        for fault in faults
    ]


def _explain(provider: Provider, error: Exception) -> str:
    told = provider.explain(error) if provider.explain is not None else None
    return told or f"{type(error).__name__}: {error}"


class _Answering:
    """Turns what a handler raises into the protocol's error, naming the resource."""

    def __init__(self, context: grpc.ServicerContext, provider: Provider, urn: str) -> None:
        self._context, self._provider, self._urn = context, provider, urn

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, Exception):
            return
        if isinstance(error, PartlyDone):
            self._abort_partly(error)
        if isinstance(error, Refused):
            self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        log.error("%s", self._urn, exc_info=error)
        text = _explain(self._provider, error)
        where = f"{self._urn}: " if self._urn else ""
        self._context.abort(grpc.StatusCode.UNKNOWN, where + text)

    def _abort_partly(self, error: PartlyDone) -> NoReturn:
        """Source: provider.proto, ErrorResourceInitFailed, carried in the status's details."""
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=error.state.id,
                properties=to_struct(error.state.props),
                inputs=to_struct(error.inputs),
                reasons=[error.reason],
            )
        )
        message = f"{self._urn}: exists but is not as asked: {error.reason}"
        status = status_pb2.Status(
            code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[detail]
        )
        self._context.set_trailing_metadata(
            (("grpc-status-details-bin", status.SerializeToString()),)
        )
        self._context.abort(grpc.StatusCode.UNKNOWN, message)
        raise AssertionError(message)  # abort always raises


def serve(provider: Provider) -> None:
    """Serve on a free loopback port, told to the engine on standard output, until it ends us."""
    engine = os.getppid()  # before the port is told: the engine may be killed right after
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    options = [
        ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
        ("grpc.max_send_message_length", _MESSAGE_LIMIT),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(16), options=options)
    plugin = Plugin(provider, dict(os.environ))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # The engine puts its plugins into process groups of their own, where a person's Ctrl-C does not
    # reach them, and says SIGINT when it is done; one that goes on costs it five seconds (Pulumi,
    # sdk/go/common/util/cmdutil/term.go).
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        while server.wait_for_termination(timeout=_WATCH_SECONDS):
            if os.getppid() != engine:
                break  # Killed before it could end us.
    # Finish the calls under way, then leave nothing behind.
    server.stop(_GRACE_SECONDS).wait()
