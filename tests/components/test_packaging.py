"""The bundle: the same bytes anywhere, wheels for the target alone, and complete by itself."""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from components import packaging
from signet.errors import RunFailed, SettingsError
from signet.paths import repo_root
from tests.components import elf

ROOT = repo_root()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a bundle is built from, as it is now: nobody edits it while the tests run."""
    return copy_tree(ROOT, tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def bundle(out: Path, tree: Path) -> packaging.Bundle:
    return packaging.build_bundle(packaging.default_target(), out, tree)


def copy_tree(source: Path, target: Path) -> Path:
    """Copy a bundle's inputs without their times and permissions."""
    shutil.copytree(
        source / "validator_functions",
        target / "validator_functions",
        ignore=shutil.ignore_patterns("__pycache__"),
        copy_function=shutil.copyfile,
    )
    (target / "requirements").mkdir()
    shutil.copyfile(source / "requirements/bundle.txt", target / "requirements/bundle.txt")
    return target


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A repository with one source file and no wheels, so that nothing is fetched."""
    root = tmp_path / "repository"
    (root / "validator_functions").mkdir(parents=True)
    (root / "validator_functions" / "__init__.py").write_text("X = 1\n")
    (root / "requirements").mkdir()
    (root / "requirements" / "bundle.txt").write_text("")
    return root


@pytest.mark.parametrize("target", packaging.TARGETS)
def test_every_wheel_fits_the_target_python_and_an_x86_64_glibc_of_2_28(
    target: str, out: Path, tree: Path
) -> None:
    built = packaging.build_bundle(target, out, tree)
    digits = target.replace(".", "")
    fitting = re.compile(
        rf"py3-none-any|(cp{digits}-cp{digits}|cp3\d+-abi3)-manylinux(2014|_2_(1\d|2[0-8]))_x86_64"
    )
    tags = packaging.wheel_tags(built.path)
    assert {name.partition("-")[0] for name in tags} == {
        *("cffi", "cryptography", "pycparser"),
        *("azure_functions", "markupsafe", "werkzeug"),
        "h11",
    }
    for wheel, its in tags.items():
        assert its, wheel
        assert all(fitting.fullmatch(tag) for tag in its), (wheel, its)
    abi3 = [int(tag[3 : tag.index("-")]) for its in tags.values() for tag in its if "abi3" in tag]
    assert all(minor <= int(target.split(".")[1]) for minor in abi3)


SYSTEM = {
    *("libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "librt.so.1", "libgcc_s.so.1"),
    "ld-linux-x86-64.so.2",
}
"""What every image of the three clouds has (manylinux, "Policies")."""


@pytest.mark.parametrize("target", packaging.TARGETS)
def test_every_compiled_file_asks_for_no_more_than_glibc_2_28_and_this_python(
    target: str, out: Path, tree: Path
) -> None:
    """Amazon Linux 2023 has glibc 2.34, Azure's and Google's images 2.31 and more."""
    built = packaging.build_bundle(target, out, tree)
    with zipfile.ZipFile(built.path) as opened:
        compiled = {n: elf.read(opened.read(n)) for n in opened.namelist() if ".so" in n}
    assert len(compiled) >= 3
    for name, library in compiled.items():
        assert library.machine == elf.X86_64, name
        assert set(library.versions) <= SYSTEM, name
        assert (2,) < library.highest("GLIBC") <= (2, 28), (name, library.versions)
        abi = re.search(r"\.(abi3|cpython-(\d+)-x86_64-linux-gnu)\.so$", name)
        assert abi, name
        assert abi[2] in (None, target.replace(".", "")), name


def test_the_bundle_is_built_byte_for_byte_alike_in_two_folders(
    bundle: packaging.Bundle, tree: Path, tmp_path: Path
) -> None:
    clone = copy_tree(tree, tmp_path / "elsewhere" / "clone")
    (clone / "validator_functions" / "__pycache__").mkdir()
    (clone / "validator_functions" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"\0")
    (clone / "validator_functions" / ".hidden").write_text("an editor's leftovers")

    other = packaging.build_bundle(packaging.default_target(), tmp_path / "out", clone)

    assert other.path != bundle.path
    assert other.path.read_bytes() == bundle.path.read_bytes()
    assert (other.sha256, other.tree_sha256) == (bundle.sha256, bundle.tree_sha256)


def test_what_is_reported_is_what_the_file_holds(bundle: packaging.Bundle) -> None:
    data = bundle.path.read_bytes()
    assert bundle.sha256 == hashlib.sha256(data).hexdigest()
    assert bundle.tree_sha256 == packaging.tree_sha256(bundle.path)
    assert bundle.size == len(data) <= packaging.MAX_BYTES


def test_entries_are_sorted_dated_1980_and_hold_no_caches_or_installer_notes(
    bundle: packaging.Bundle,
) -> None:
    with zipfile.ZipFile(bundle.path) as opened:
        entries = opened.infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    unwanted = re.compile(r"__pycache__|\.pyc$|/(RECORD|INSTALLER|REQUESTED|tests)(/|$)|^bin/|/\.")
    assert [name for name in names if unwanted.search(name)] == []
    assert "validator_functions/verification/__init__.py" in names
    assert "validator_functions/aws_lambda/__init__.py" in names
    assert not [name for name in names if name.startswith(("signet", "components", "sandbox"))]


def test_the_tree_hash_is_what_sha256sum_gives_over_the_unpacked_files(
    bundle: packaging.Bundle, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle.path) as opened:
        opened.extractall(tmp_path)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256((tmp_path / f).read_bytes()).hexdigest()}  {f}\n" for f in files]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == bundle.tree_sha256


_ALONE = """
import sys
bundle, *standard = sys.argv[1:]
sys.path[:] = [*standard, bundle]
import base64, json
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from validator_functions.verification.errors import TokenRefused
from validator_functions.verification.keys import KeySet, thumbprint
from validator_functions.verification.policy import Policy
from validator_functions.verification.token import verify

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
numbers = key.public_key().public_numbers()
jwk = {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
jwk |= {"kid": thumbprint(jwk), "alg": "RS256", "use": "sig"}
now = 1_800_000_000
claims = {"iss": "https://issuer.invalid", "aud": "api", "sub": "caller", "iat": now,
          "exp": now + 60}

def token(audience):
    parts = [{"alg": "RS256", "kid": jwk["kid"], "typ": "at+jwt"}, claims | {"aud": audience}]
    text = ".".join(b64(json.dumps(part).encode()) for part in parts)
    return text + "." + b64(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))

keys = KeySet.parse({"keys": [jwk], "sequence": 1, "denied": []})
policy = Policy(issuer="https://issuer.invalid", audiences=("api",))
verify(token("api"), keys, policy, now)
try:
    verify(token("another"), keys, policy, now)
except TokenRefused as refused:
    reason = str(refused.reason)
loaded = {name: module.__file__ for name, module in sys.modules.items()
          if getattr(module, "__file__", None)}
print(json.dumps({"reason": reason, "loaded": loaded}))
"""


def test_the_bundle_alone_verifies_a_token_in_a_python_that_sees_nothing_else(
    bundle: packaging.Bundle, tmp_path: Path
) -> None:
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle.path) as opened:
        opened.extractall(unpacked)
    paths = sysconfig.get_paths()
    dynamic = importlib.util.find_spec("_ssl")
    standard = [paths["stdlib"], paths["platstdlib"]]
    if dynamic is not None and dynamic.origin:
        standard.append(str(Path(dynamic.origin).parent))

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _ALONE, str(unpacked), *standard],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["reason"] == "audience_mismatch"
    for name, file in told["loaded"].items():
        if name.partition(".")[0] in {"validator_functions", "cryptography", "_cffi_backend"}:
            assert file.startswith(str(unpacked)), (name, file)
        else:
            assert "site-packages" not in file, (name, file)


def test_a_second_build_with_the_same_inputs_starts_no_tool(
    bundle: packaging.Bundle, out: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a tool was started")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert packaging.build_bundle(packaging.default_target(), out, tree) == bundle


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("validator_functions/__init__.py", "X = 2\n"),
        ("validator_functions/new.py", ""),
        ("requirements/bundle.txt", "# another lock\n"),
    ],
)
def test_a_changed_input_makes_another_bundle(small_tree: Path, name: str, content: str) -> None:
    out = small_tree / "out"
    before = packaging.build_bundle("3.12", out, small_tree)
    (small_tree / name).write_text(content)
    assert packaging.build_bundle("3.12", out, small_tree).path != before.path


def test_a_cached_bundle_that_was_altered_is_built_again(small_tree: Path) -> None:
    out = small_tree / "out"
    built = packaging.build_bundle("3.12", out, small_tree)
    built.path.write_bytes(built.path.read_bytes()[:-1] + b"?")
    again = packaging.build_bundle("3.12", out, small_tree)
    assert hashlib.sha256(again.path.read_bytes()).hexdigest() == again.sha256 == built.sha256


def test_old_bundles_are_cleared_away(small_tree: Path) -> None:
    out = small_tree / "out"
    for number in range(12):
        (small_tree / "validator_functions" / "__init__.py").write_text(f"X = {number}\n")
        last = packaging.build_bundle("3.12", out, small_tree)
    left = sorted(out.glob("validator-py*.zip"))
    assert len(left) == 8
    assert last.path in left
    assert sorted(path.stem for path in out.glob("*.json")) == [path.stem for path in left]


def test_a_bundle_over_the_limit_is_refused_with_the_way_out(
    small_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "MAX_BYTES", 10)
    with pytest.raises(RunFailed, match=r"bundle is .* MB") as caught:
        packaging.build_bundle("3.12", small_tree / "out", small_tree)
    assert "bundle.in" in caught.value.remedy
    assert list((small_tree / "out").glob("*.zip")) == []


def test_a_python_that_no_bundle_is_built_for_is_a_settings_fault() -> None:
    with pytest.raises(SettingsError) as caught:
        packaging.build_bundle("3.9")
    (fault,) = caught.value.faults
    assert (fault.key, fault.value) == ("signet:python", "3.9")
    assert all(target in fault.remedy for target in packaging.TARGETS)


@pytest.mark.parametrize(
    "requirement",
    [
        pytest.param("signet-no-such-package==1.0", id="without a hash"),
        pytest.param(f"pycparser==3.12 --hash=sha256:{'0' * 64}", id="with another file's hash"),
    ],
)
def test_wheels_that_the_lock_does_not_vouch_for_are_refused(
    small_tree: Path, requirement: str
) -> None:
    (small_tree / "requirements" / "bundle.txt").write_text(requirement + "\n")
    with pytest.raises(RunFailed, match="could not be had") as caught:
        packaging.build_bundle("3.12", small_tree / "out", small_tree)
    assert caught.value.details
    assert list((small_tree / "out").iterdir()) == []


def test_a_missing_uv_is_said_plainly(small_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(small_tree))
    with pytest.raises(RunFailed, match="uv") as caught:
        packaging.build_bundle("3.12", small_tree / "out", small_tree)
    assert "make setup" in caught.value.remedy


def test_the_settings_layer_keeps_the_exact_text_and_is_the_same_each_time(tmp_path: Path) -> None:
    text = '{"environment":"lokal-ü","schema":1}'
    first = packaging.build_settings_layer(text, tmp_path / "a")
    second = packaging.build_settings_layer(text, tmp_path / "b")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as opened:
        assert opened.namelist() == ["python/signet_settings.json"]
        assert opened.read("python/signet_settings.json") == text.encode()
    assert packaging.build_settings_layer(text + " ", tmp_path / "a") != first
