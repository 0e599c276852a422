"""Which room may import what: DESIGN's table, as data, and the reading of imports it is held to.

Every import counts: those inside functions and under `TYPE_CHECKING`, `from . import x`, and
`importlib.import_module` of a constant. Nothing is imported or run to find them.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OWN = (
    *("signet", "components", "validator_functions", "sandbox", "tools", "benchmarks"),
    *("examples", "tests"),
)
VERIFICATION = "validator_functions.verification"

# A pure module has no clock, no network, no environment, no other program and no chance.
IMPURE = (
    *("asyncio", "concurrent", "ctypes", "http", "multiprocessing", "os", "platform", "random"),
    *("secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib.error", "urllib.request"),
)

# The one decision whether this is the sandbox: program, engine and plugins all ask this function.
MARKER = "signet.engine.sandbox_marker"

CLOUDS = {
    "aws": ("pulumi_aws", "boto3", "botocore", "mypy_boto3_*"),
    "azure": ("pulumi_azure_native", "azure", "msal"),
    "gcp": ("pulumi_gcp", "google", "google_crc32c", "grpc"),
}
FILES = ("ruamel.yaml", "jsonschema")  # the domain's YAML and schema library


@dataclass(frozen=True)
class Imported:
    """One import: the dotted module, its line, and whether it runs when the module is loaded."""

    module: str
    line: int
    at_load: bool


@dataclass(frozen=True)
class Room:
    """What the modules below `prefix` may import besides the standard library and their room.

    All are dotted prefixes. `own` is ours, but for `not_own`, but for `besides`; `packages` are
    others'. `later` may be imported only where that runs after the module was loaded (inside a
    function, or for types alone). `impure` are modules of the standard library that may not be.
    """

    prefix: str
    own: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    not_own: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    impure: tuple[str, ...] = ()


# The first room whose prefix fits is a module's room, so the narrower ones stand first.
ROOMS = (
    Room(VERIFICATION, packages=("cryptography",)),
    Room("validator_functions.aws_lambda", own=(VERIFICATION,)),
    Room("validator_functions.azure_function", own=(VERIFICATION,), packages=("azure.functions",)),
    Room("validator_functions.cloud_run", own=(VERIFICATION,), packages=("h11",)),
    Room("validator_functions"),
    *(
        Room(
            f"signet.issuing.signers.{cloud}",
            own=("signet",),
            packages=("cryptography", *sdk[1:]),
            not_own=("signet.engine", "signet.cli"),
            besides=(MARKER,),
        )
        for cloud, sdk in CLOUDS.items()
    ),
    # The token service's artefact for AWS, which has AWS's SDK in it: its entry and its store.
    Room(
        "signet.issuing.exchange.aws_lambda",
        own=("signet", VERIFICATION),
        packages=("boto3", "botocore"),
        not_own=("signet.engine", "signet.cli"),
    ),
    # On Azure the worker brings the types of requests, as for a validator.
    Room(
        "signet.issuing.exchange.azure_function",
        own=("signet", VERIFICATION),
        packages=("azure.functions",),
        not_own=("signet.engine", "signet.cli"),
    ),
    Room(
        "signet.issuing.used_tokens.aws",
        own=("signet",),
        packages=CLOUDS["aws"][1:],
        not_own=("signet.engine", "signet.cli"),
    ),
    Room(
        "signet.issuing",
        own=("signet", VERIFICATION),
        packages=("jwt", "cryptography"),
        later=tuple(f"signet.issuing.signers.{cloud}" for cloud in CLOUDS),
        not_own=("signet.engine", "signet.cli"),
    ),
    # What `signet demo` and `signet probe` put to gateways, the forging of bad tokens included.
    Room(
        "signet.probing",
        own=("signet", VERIFICATION),
        packages=("cryptography",),
        later=("boto3", "mypy_boto3_*"),
        not_own=("signet.engine", "signet.cli"),
    ),
    Room(
        "signet.engine",
        own=("signet", VERIFICATION),
        packages=("pulumi", "semver", "grpc", "google.protobuf", *FILES),
        later=("components", "boto3", "botocore"),
        not_own=("signet.cli",),
    ),
    Room(
        "signet.cli",
        own=("signet", VERIFICATION),
        packages=FILES,
        later=("components", "sandbox", "rich", "pulumi", "jwt", "cryptography", "boto3"),
    ),
    Room("signet.paths"),  # the one module of the domain that reads the environment
    # The one that reads public keys as a KMS gives them, in PEM; still pure.
    Room(
        "signet.documents", own=("signet", VERIFICATION), packages=("cryptography",), impure=IMPURE
    ),
    Room(
        "signet",
        own=(VERIFICATION,),
        packages=FILES,
        not_own=("signet.engine", "signet.cli", "signet.issuing"),
        impure=IMPURE,
    ),
    *(
        Room(
            f"components.{cloud}",
            own=("components", "signet"),
            packages=("pulumi", *sdk),
            not_own=(
                *(f"components.{other}" for other in CLOUDS if other != cloud),
                "signet.engine",
                "signet.cli",
                "signet.issuing",
            ),
            besides=(MARKER,),
        )
        for cloud, sdk in CLOUDS.items()
    ),
    Room(
        "components",
        own=("signet", VERIFICATION),
        packages=("pulumi",),
        later=("uv",),
        not_own=("signet.engine", "signet.cli", "signet.issuing"),
        besides=(MARKER,),
    ),
    Room("sandbox", own=("signet", "components", VERIFICATION), packages=("*",)),
    Room("tools.warm", own=("signet", "components", "sandbox")),  # runs inside `.venv`
    Room("tools.engine", packages=("pulumi", "grpc")),  # runs beside the pulumi command
    Room("tools", own=("signet.paths",)),
    Room("examples", own=(VERIFICATION,)),  # a service team has nothing else of ours
    # It times the simulation too, which is a test.
    Room("benchmarks", own=OWN, packages=("*",)),
    Room("tests", own=OWN, packages=("*",)),
    Room("__main__", own=("signet", "components"), packages=("pulumi",)),
)


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Give every module of ours below `root`, by its dotted name."""
    if (root / "__main__.py").is_file():
        yield "__main__", root / "__main__.py"
    for top in OWN:
        for path in sorted((root / top).rglob("*.py")):
            yield dotted(path.relative_to(root)), path


def dotted(path: Path) -> str:
    """`signet/cli/main.py` -> `signet.cli.main`; a package's `__init__.py` -> the package."""
    parts = list(path.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, package: bool, known: frozenset[str]) -> list[Imported]:
    """Return what `source` imports.

    `module` is its dotted name and `package` whether it is an `__init__`; both resolve relative
    imports. `known` are the modules of ours: `from signet import paths` means `signet.paths`.
    """
    reader = _Reader(module, package, known)
    reader.visit(ast.parse(source))
    return reader.found


class _Reader(ast.NodeVisitor):
    def __init__(self, module: str, package: bool, known: frozenset[str]) -> None:
        self.found: list[Imported] = []
        self._package = module if package else module.rpartition(".")[0]
        self._known = known
        self._deferred = 0

    def _add(self, module: str, node: ast.stmt | ast.expr) -> None:
        self.found.append(Imported(module, node.lineno, self._deferred == 0))

    def _visit_deferred(self, node: ast.AST) -> None:
        self._deferred += 1
        self.generic_visit(node)
        self._deferred -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_deferred  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.dump(node.test):
            self._deferred += 1
            for child in node.body:
                self.visit(child)
            self._deferred -= 1
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._add(name.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parents = self._package.split(".")
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join([*parents, base] if base else parents)
        for name in node.names:
            inner = f"{base}.{name.name}"
            self._add(inner if inner in self._known else base, node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self._add(first.value, node)
        self.generic_visit(node)


def room_of(module: str) -> Room:
    """Return the room that `module` is in. Raises LookupError when it is in none."""
    for room in ROOMS:
        if _below(module, (room.prefix,)):
            return room
    raise LookupError(f"{module} is in no room of DESIGN's table")


def objection(module: str, imported: Imported) -> str | None:
    """Say why `module` may not import that, or None when it may."""
    room = room_of(module)
    target = imported.module
    top = target.partition(".")[0]
    if top in sys.stdlib_module_names:
        if _below(target, room.impure):
            return f"{room.prefix} is pure: no clock, network, environment or chance"
        return None
    deferred = _below(target, room.later)
    if deferred and imported.at_load:
        return f"{room.prefix} loads it only when it is used, inside a function"
    inside = _below(target, (room.prefix, *room.own)) and not _below(target, room.not_own)
    allowed = deferred or inside or _below(target, room.besides)
    if not allowed and top not in OWN:
        allowed = _below(target, room.packages)
    return None if allowed else f"{room.prefix} may not import it"


def _below(module: str, prefixes: tuple[str, ...]) -> bool:
    """Whether `module` is one of `prefixes` or inside one; a final `*` stands for any ending."""
    return any(
        module.startswith(prefix[:-1])
        if prefix.endswith("*")
        else f"{module}.".startswith(f"{prefix}.")
        for prefix in prefixes
    )


def violations(root: Path) -> list[str]:
    """Return every import below `root` that the table forbids, one line each."""
    ours = dict(modules(root))
    known = frozenset(ours)
    found = []
    for module, path in ours.items():
        source = path.read_text(encoding="utf-8")
        for one in imports(source, module, package=path.name == "__init__.py", known=known):
            reason = objection(module, one)
            if reason:
                found.append(f"{path.relative_to(root)}:{one.line}: {one.module}: {reason}")
    return found
