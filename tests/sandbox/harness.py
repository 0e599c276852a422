"""An engine's side of the provider protocol, and a small cloud in memory for it to work on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox import record
from sandbox.plugin.server import Plugin
from sandbox.plugin.spec import (
    ARCHIVE,
    INT,
    JSON,
    STR,
    Autoname,
    Call,
    Fault,
    Function,
    Provider,
    Resource,
    State,
    choice,
    list_of,
    map_of,
    obj,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props, from_struct, to_struct
from signet.engine.sandbox_marker import write_marker

THING = "toy:index/thing:Thing"
FIXED = "toy:index/fixed:Fixed"


def urn(token: str, name: str = "one") -> str:
    return f"urn:pulumi:local::signet::{token}::{name}"


def sandbox_environment(folder: Path) -> dict[str, str]:
    """The environment of a sandbox whose emulator need not run."""
    told = record.new()
    record.save(folder / "sandbox.json", told.with_port("aws", 1))
    write_marker(folder / "backend", told.id)
    return {
        "SIGNET_SANDBOX": str(folder),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
    }


@dataclass
class Engine:
    """The calls that an engine makes, with plain dictionaries for messages."""

    stub: Any

    def check(self, token: str, new: Props, old: Props | None = None, **more: Any) -> Any:
        name = more.pop("name", "one")
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=urn(token, name),
                olds=to_struct(old or {}),
                news=to_struct(new),
                randomSeed=more.pop("seed", b"seed"),
                type=token,
                **more,
            )
        )
        return from_struct(answer.inputs), [(f.property, f.reason) for f in answer.failures]

    def diff(self, token: str, old: Props, new: Props, **more: Any) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id="x",
                urn=urn(token),
                olds=to_struct(more.pop("state", old)),
                old_inputs=to_struct(old),
                news=to_struct(new),
                type=token,
                **more,
            )
        )

    def create(self, token: str, inputs: Props, *, preview: bool = False) -> tuple[str, Props]:
        answer = self.stub.Create(
            provider_pb2.CreateRequest(
                urn=urn(token), properties=to_struct(inputs), preview=preview, type=token
            )
        )
        return answer.id, from_struct(answer.properties)

    def read(self, token: str, id_: str, props: Props, inputs: Props) -> tuple[str, Props, Props]:
        answer = self.stub.Read(
            provider_pb2.ReadRequest(
                id=id_,
                urn=urn(token),
                properties=to_struct(props),
                inputs=to_struct(inputs),
                type=token,
            )
        )
        return answer.id, from_struct(answer.properties), from_struct(answer.inputs)

    def update(
        self, token: str, id_: str, state: Props, old: Props, new: Props, *, preview: bool = False
    ) -> Props:
        answer = self.stub.Update(
            provider_pb2.UpdateRequest(
                id=id_,
                urn=urn(token),
                olds=to_struct(state),
                old_inputs=to_struct(old),
                news=to_struct(new),
                preview=preview,
                type=token,
            )
        )
        return from_struct(answer.properties)

    def delete(self, token: str, id_: str, state: Props) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(
                id=id_, urn=urn(token), properties=to_struct(state), type=token
            )
        )

    def invoke(self, token: str, args: Props) -> tuple[Props, list[tuple[str, str]]]:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=to_struct(args)))
        failures = [(f.property, f.reason) for f in answer.failures]
        return from_struct(getattr(answer, "return")), failures

    def configure(self, **config: Any) -> Any:
        return self.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(config)))

    def check_config(self, **config: Any) -> list[tuple[str, str]]:
        answer = self.stub.CheckConfig(
            provider_pb2.CheckRequest(urn=urn("pulumi:providers:toy"), news=to_struct(config))
        )
        return [(f.property, f.reason) for f in answer.failures]

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty())


@contextmanager
def serving(provider: Provider, environ: Mapping[str, str]) -> Iterator[Engine]:
    """A plugin behind a real gRPC channel."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(provider, environ), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Engine(provider_pb2_grpc.ResourceProviderStub(channel))
    finally:
        server.stop(None).wait()


def init_failure(error: grpc.RpcError) -> Any:
    """The record of a half-made resource that an error carries, `None` where it carries none."""
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            detail = provider_pb2.ErrorResourceInitFailed()
            assert status.details[0].Unpack(detail)
            return detail
    return None


@dataclass
class ToyCloud:
    """Things by id, and what is to go wrong next."""

    things: dict[str, Props] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    fail_second_step: str | None = None
    config: Props = field(default_factory=dict)


def toy(cloud: ToyCloud) -> Provider:
    """A provider with one updatable type and one whose name is fixed."""

    def create(call: Call, inputs: Props) -> str:
        made = f"id-{next(cloud.numbers)}"
        cloud.things[made] = {"name": inputs["name"], "size": 0}
        call.made(made)
        if cloud.fail_second_step:
            raise RuntimeError(cloud.fail_second_step)
        cloud.things[made] = _seen(inputs)
        return made

    def read(call: Call, thing: str, known: Props) -> State | None:
        found = cloud.things.get(thing)
        if found is None:
            return None
        return State(thing, {"size": 1, **found, "arn": f"arn:{thing}"})

    def update(call: Call, thing: str, old: Props, new: Props, changed: frozenset[str]) -> None:
        if "size" in changed:
            cloud.things[thing]["size"] = new.get("size", 1)
        if cloud.fail_second_step:
            raise RuntimeError(cloud.fail_second_step)
        for name in changed - {"size", "code"}:
            cloud.things[thing][name] = new.get(name)

    def delete(call: Call, thing: str, state: Props) -> None:
        cloud.things.pop(thing, None)

    def faults(inputs: Props) -> Iterator[Fault]:
        if inputs.get("size") == 13:
            yield Fault("size", "must not be 13")

    thing = Resource(
        THING,
        inputs={
            "name": opt(STR, replace=True),
            "size": opt(INT, default=1),
            "colour": opt(choice("red", "blue")),
            "code": opt(ARCHIVE, kept=True),
            "policy": opt(JSON),
            "labels": opt(map_of(STR)),
            "parts": opt(list_of(obj(id=req(STR), weight=opt(INT, replace=True)))),
        },
        outputs=frozenset({"arn", "digest"}),
        create=create,
        read=read,
        update=update,
        delete=delete,
        autoname=Autoname("name", 20),
        validate=faults,
        unsettled={"digest": frozenset({"code"})},
    )
    fixed = Resource(
        FIXED,
        inputs={"name": req(STR, replace=True)},
        outputs=frozenset({"arn"}),
        create=create,
        read=read,
        delete=delete,
    )
    lookup = Function(
        "toy:index/getThing:getThing",
        inputs={"id": req(STR)},
        outputs=frozenset({"name"}),
        invoke=lambda call, args: {"name": cloud.things[args["id"]]["name"]},
    )

    def configure(config: Props, environ: Mapping[str, str]) -> ToyCloud:
        cloud.config = config
        return cloud

    return Provider(
        name="toy",
        version="1.2.3",
        config={"region": opt(STR, replace=True), "defaultTags": opt(obj(tags=opt(map_of(STR))))},
        resources=table(thing, fixed),
        functions={lookup.token: lookup},
        configure=configure,
    )


def _seen(inputs: Props) -> Props:
    """What a cloud can tell of its thing: not the code."""
    return {k: v for k, v in inputs.items() if k not in ("code", "__defaults")}
