"""Runs the program, or one component, without an engine, and keeps everything that it asked for."""

import asyncio
import json
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pulumi
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pulumi.runtime import mocks, rpc, rpc_manager
from pulumi.runtime import settings as runtime_settings
from pulumi.runtime import stack as runtime_stack
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.sync_await import _sync_await

with warnings.catch_warnings():
    # The SDK warns of its own deprecated types as soon as it is imported. What the program itself
    # uses of them is warned of again when it is used, and fails a test.
    warnings.simplefilter("ignore", DeprecationWarning)
    import components.aws.cloud
    import components.azure.cloud
    import components.gcp.cloud  # noqa: F401

from signet.documents import jwk_from_pem

ACCOUNT = "111122223333"
STACK = "test"


@dataclass(frozen=True)
class Declared:
    """One resource as the program asked for it."""

    type: str
    name: str
    urn: str
    parent: str
    inputs: Mapping[str, Any]
    provider: str
    depends_on: frozenset[str]
    protect: bool
    retain_on_delete: bool
    aliases: frozenset[tuple[str, str]]
    """Names under which it stood before, each with the URN of its parent then."""
    deletes_first: bool | None
    """What the program says of replacements; None leaves it to the provider."""
    import_id: str
    custom: bool


@dataclass
class Run:
    """What a run declared, in its order, and what it exported."""

    resources: list[Declared] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)
    """URNs whose outputs were registered."""
    exports: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> list[Declared]:
        """All resources of a type, in order."""
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, name: str) -> Declared:
        """The only resource of a name and of a type that is no component."""
        found = [r for r in self.resources if r.name == name and r.custom]
        assert len(found) == 1, f"{name}: {[r.name for r in self.resources if r.custom]}"
        return found[0]


@cache
def public_pem(key_id: str, spec: str) -> str:
    """The public half of a key made for this run of the tests."""
    key = (
        ec.generate_private_key(ec.SECP256R1())
        if spec.startswith("ECC")
        else rsa.generate_private_key(65537, int(spec.removeprefix("RSA_")))
    )
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class _Cloud(mocks.Mocks):
    """Answers as AWS does, as far as the program looks at the answer."""

    generating = 0
    """How often Cloud KMS says of a version that it is not ready yet."""
    unready = "PENDING_GENERATION"
    """What it says then."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state
        self._specs: dict[str, str] = {}
        self._versions = 0

    def _next(self) -> int:
        self._versions += 1
        return self._versions

    def call(self, args: mocks.MockCallArgs) -> Any:
        if args.token == "pulumi:pulumi:readStackResourceOutputs":
            return {"name": args.args["stackName"], "outputs": dict(self._state)}
        if args.token == "aws:index/getCallerIdentity:getCallerIdentity":
            return {"accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/x"}
        if args.token == "aws:kms/getPublicKey:getPublicKey":
            key_id = args.args["keyId"]
            return {"keyId": key_id, "publicKeyPem": public_pem(key_id, self._specs[key_id])}
        if args.token == "gcp:kms/getKMSCryptoKeyVersion:getKMSCryptoKeyVersion":
            if self.generating:
                self.generating -= 1
                name = f"{args.args['cryptoKey']}/cryptoKeyVersions/{args.args['version']}"
                return {"name": name, "state": self.unready, "publicKeys": []}
            pem = public_pem(f"{args.args['cryptoKey']}/{args.args['version']}", "RSA_2048")
            known = {"algorithm": "RSA_SIGN_PKCS1_2048_SHA256", "pem": pem}
            return {"state": "ENABLED", "publicKeys": [known]}
        if args.token == "azure-native:storage:listStorageAccountServiceSAS":
            return {"serviceSasToken": f"sp=r&sig=of-{args.args['canonicalizedResource']}"}
        raise AssertionError(f"the program calls {args.token}, which nothing answers here")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        outputs = dict(args.inputs)
        kind = args.typ.rpartition(":")[2]
        identity = args.resource_id or f"{args.name}-id"
        arn = f"arn:aws:{kind.lower()}:eu-central-1:{ACCOUNT}:{args.name}"
        if args.typ.startswith(("azure-native:", "pulumi-python:")):
            return identity, outputs | _azure(args)
        if kind == "Key":
            self._specs[identity] = args.inputs["customerMasterKeySpec"]
            outputs |= {"keyId": identity, "arn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:{identity}"}
        elif args.typ.endswith(":NotificationChannel"):
            outputs |= {"name": f"projects/signet-test/notificationChannels/{args.name}"}
        elif kind in {"Role", "LogGroup", "LayerVersion", "Function", "Topic"}:
            outputs |= {"arn": arn, "invokeArn": f"arn:aws:apigateway:::{args.name}/invocations"}
        elif kind in {"Api", "RestApi"}:
            outputs |= {"executionArn": f"arn:aws:execute-api:::{identity}", "rootResourceId": "r"}
        elif args.typ == "gcp:kms/cryptoKeyVersion:CryptoKeyVersion":
            name = (
                args.resource_id or f"{args.inputs['cryptoKey']}/cryptoKeyVersions/{self._next()}"
            )
            return name, outputs | {"name": name}
        elif args.typ == "gcp:serviceaccount/account:Account":
            email = f"{args.inputs['accountId']}@{args.inputs['project']}.iam.gserviceaccount.com"
            outputs |= {"email": email, "member": f"serviceAccount:{email}", "name": email}
        elif args.typ == "gcp:cloudrunv2/service:Service":
            outputs |= {"uri": f"https://{args.inputs['name']}-abc-ey.a.run.app"}
        elif args.typ == "gcp:storage/bucketObject:BucketObject":
            outputs |= {"generation": 7}
        elif kind == "BucketObjectv2":
            outputs |= {"etag": "e"}
        return identity, outputs


def _azure(args: mocks.MockResourceArgs) -> dict[str, Any]:
    """What Azure adds to a resource, as far as the program looks at it."""
    kind, given = args.typ.rpartition(":")[2], args.inputs
    if kind == "Key":
        uri = f"https://{given['vaultName']}.vault.azure.net/keys/{given['keyName']}"
        return {"keyUri": uri, "keyUriWithVersion": f"{uri}/v1"}
    if kind == "KeyVersion":
        return {"jwk": jwk_from_pem(public_pem(given["keyUri"], "RSA_2048"), given["algorithm"])}
    if kind == "Document":
        return {"etag": "e"}
    named = next(
        (given[key] for key in ("resourceName", "accountName", "vaultName") if key in given), None
    )
    told: dict[str, Any] = {
        "name": given.get("name") or given.get("resourceGroupName") or args.name
    }
    if named is not None and kind not in ("BlobContainer", "Blob"):
        told["name"] = named
    if kind == "UserAssignedIdentity":
        told |= {"clientId": f"client-of-{named}", "principalId": f"object-of-{named}"}
    if kind == "StorageAccount":
        told |= {"primaryEndpoints": {"blob": f"https://{named}.blob.core.windows.net/"}}
    if kind == "BlobContainer":
        told["name"] = given["containerName"]
    if kind == "Blob":
        told |= {"name": given["blobName"], "url": f"https://code/{given['blobName']}"}
    if kind == "WebApp":
        told["defaultHostName"] = f"{given['name']}.azurewebsites.net"
        # Asked for as a list of ids, told by id.
        who = given["identity"]
        ids = {each: {} for each in who["userAssignedIdentities"]}
        told["identity"] = {**who, "userAssignedIdentities": ids}
    if kind == "Component":
        told["connectionString"] = "InstrumentationKey=none"
    return told


@contextmanager
def _in_worker() -> Iterator[None]:
    """Give a worker thread an event loop, which pulumi would make and never close."""
    if threading.current_thread() is threading.main_thread():
        yield
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class _Monitor(mocks.MockMonitor):
    """Keeps each request's options too, which pulumi's own monitor drops."""

    def __init__(self, cloud: mocks.Mocks, run: Run) -> None:
        super().__init__(cloud)
        self._run = run

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> Any:  # noqa: N802
        with _in_worker():
            return super().Invoke(request)  # type: ignore[no-untyped-call]

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> Any:
        with _in_worker():
            answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self._run.resources.append(
                Declared(
                    type=request.type,
                    name=request.name,
                    urn=answer.urn,
                    parent=request.parent,
                    inputs=rpc.deserialize_properties(request.object),
                    provider=request.provider,
                    depends_on=frozenset(request.dependencies),
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    aliases=frozenset(
                        (each.spec.name or request.name, each.spec.parentUrn)
                        for each in request.aliases
                        if not each.spec.type  # else it is one of azure-native's own, of a type
                    ),
                    deletes_first=request.deleteBeforeReplace
                    if request.deleteBeforeReplaceDefined
                    else None,
                    import_id=request.importId,
                    custom=request.custom,
                )
            )
        return answer

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> Any:
        self._run.finished.add(request.urn)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def config(values: Mapping[str, Any]) -> dict[str, str]:
    """A stack's settings as the engine hands them out."""
    return {
        f"signet:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


def run(
    declare: Callable[[], Any],
    *,
    settings: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    stack: str = STACK,
    preview: bool = False,
) -> Run:
    """Run `declare` as a program; everything that it raises comes out of here."""
    told = Run()
    with _clean_runtime():
        cloud = _Cloud(state or {})
        mocks.set_mocks(
            cloud,
            project="signet",
            stack=stack,
            preview=preview,
            monitor=_Monitor(cloud, told),
        )
        pulumi.runtime.config.set_all_config(config(settings or {}))
        exported: dict[str, Any] = {}
        with _exports(exported):
            _sync_await(runtime_stack.run_pulumi_func(declare))
            for name, value in exported.items():
                told.exports[name] = _sync_await(pulumi.Output.from_input(value).future())
    return told


@contextmanager
def _exports(into: dict[str, Any]) -> Iterator[None]:
    before = pulumi.export
    pulumi.export = into.__setitem__  # type: ignore[assignment]
    try:
        yield
    finally:
        pulumi.export = before


@contextmanager
def _clean_runtime() -> Iterator[None]:
    loop = asyncio.new_event_loop()
    # What a failed run leaves unread is the failure itself, which the test has already.
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    runtime_settings.SETTINGS.rpc_manager = rpc_manager.RPCManager()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        # A run that fails leaves what waited for the rest of it.
        waiting = asyncio.all_tasks(loop)
        for task in waiting:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
        runtime_settings.reset_options()


def private_material(run_: Run) -> Sequence[str]:
    """Names of what holds anything of a private key."""
    marks = ("PRIVATE KEY", '"d":', '"p":', '"q":', '"dp":', '"dq":', '"qi":', '"k":')
    return [
        resource.name
        for resource in run_.resources
        if any(mark in json.dumps(plain(resource.inputs)) for mark in marks)
    ]


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, pulumi.AssetArchive):
        return {name: plain(asset) for name, asset in value.assets.items()}
    if isinstance(value, pulumi.StringAsset):
        return value.text
    if isinstance(value, (pulumi.FileArchive, pulumi.FileAsset)):
        return value.path
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)
