"""Says why a run failed in a few lines: the cloud first, then the resource, then what it said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signet.engine.watch import short_type
from signet.errors import RunFailed

_CLOUDS = {
    "aws": "AWS",
    "azure-native": "Azure",
    "azure": "Azure",
    "gcp": "Google Cloud",
    "signet": "Signet",
}

# What the engine adds once a resource has failed: it says nothing that the resource's own error
# does not say.
_ECHOES = re.compile(
    r"^(update failed|preview failed|refresh failed|destroy failed"
    r"|one or more (errors|children).*"
    r"|resource registration failed.*|.*resource monitor (has )?(terminated|shut down).*"
    r"|error: update failed|deploying .* failed"
    # The SDK's own word for a resource that the engine could not make.
    r"|pulumi\.runtime\.stack\.ResourceRegistrationFailed: .*)$",
    re.IGNORECASE | re.DOTALL,
)

_OF_CLOUD = re.compile(r"\bsignet:(aws|azure|gcp):Cloud\b")

_TRACE = "Traceback (most recent call last)"

_WRAPPERS = (
    re.compile(r"^\s*\d+ errors? occurred:\s*\*?\s*"),
    re.compile(r"^sdk-v2/provider2\.go:\d+:\s*"),
    re.compile(r"^(creating|updating|deleting|reading|refreshing) urn:pulumi:\S+:\s*"),
    re.compile(r"^(rpc error: code = \w+ desc = )"),
    re.compile(r"^urn:pulumi:\S+: "),
)


@dataclass(frozen=True)
class _Remedy:
    pattern: "re.Pattern[str]"
    text: str


_REMEDIES = (
    _Remedy(
        re.compile(r"signet sandbox start"),
        "the sandbox has ended: run it again, which starts it (`signet sandbox start` does too); "
        "what was done is recorded",
    ),
    _Remedy(
        re.compile(r"protected|protect(ion)? flag|marked for protection", re.IGNORECASE),
        "keys are guarded from deletion: set `signet:protectKeys: false` in the stack's settings "
        "file, run `signet up` on it, then try again",
    ),
    _Remedy(
        re.compile(
            r"no such host|dial tcp|connection (refused|reset)|i/o timeout|TLS handshake timeout"
            r"|no route to host|network is unreachable|Could not connect to the endpoint"
            r"|context deadline exceeded|failed to connect to all addresses",
            re.IGNORECASE,
        ),
        "the network or the cloud was out of reach. What was done is recorded: run it again when "
        "it answers",
    ),
    _Remedy(
        re.compile(
            r"no valid credential|ExpiredToken|InvalidClientTokenId|UnrecognizedClient"
            r"|NoCredentialProviders|could not find default credentials|AADSTS"
            r"|Please run 'az login'|Unable to locate credentials|get credentials"
            r"|cached credentials",
            re.IGNORECASE,
        ),
        "sign in to the cloud again, then run it again",
    ),
    _Remedy(
        re.compile(
            r"ServiceUnavailable|ServiceUnavailableException|InternalServerError|\bCode: 50[0-4]\b"
            r"|\b(Error|error|status)[:= ]+50[0-4]\b|^\S+: .*\b503\b",
            re.MULTILINE,
        ),
        "that cloud's service is unwell: what was done elsewhere is recorded. Run it again when it "
        "answers",
    ),
    _Remedy(
        re.compile(r"AccessDenied|not authorized|AuthorizationFailed|PERMISSION_DENIED|\b403\b"),
        "the identity of this run lacks the permission that the message names: grant it, then run "
        "it again",
    ),
    _Remedy(
        re.compile(r"already exists|EntityAlreadyExists|BucketAlreadyOwnedByYou|ResourceConflict"),
        "it is in the cloud but not in this stack's state: if it is this stack's own, import it "
        '(docs/operations.md, "A killed run"); if not, choose another name',
    ),
    _Remedy(
        re.compile(r"incorrect passphrase|passphrase must be set", re.IGNORECASE),
        "set PULUMI_CONFIG_PASSPHRASE to the one this stack was made with",
    ),
    _Remedy(
        re.compile(r"failed to load checkpoint|unexpected end of JSON"),
        "the state file is damaged: the backend keeps the one before it beside it (.bak); copy "
        "that over it, then run it again",
    ),
    _Remedy(
        re.compile(r"no resource plugin|could not (find|load) plugin|failed to load plugin"),
        "the engine could not get a provider's plugin: look at the network, or install the plugin "
        "by hand (`pulumi plugin install`)",
    ),
)


def summarise(
    what: str, errors: Mapping[str, Sequence[str]], *, said: str = "", hint: str = ""
) -> RunFailed:
    """Return one error for a failed run.

    `errors` are the engine's by URN, `said` is the command's own last words, which count only
    when no resource says more. `hint` outranks the remedies that are found in the text.
    """
    details: list[str] = []
    for urn, texts in errors.items():
        told = [text for text in map(_clean, texts) if text and not _ECHOES.match(text)]
        details.extend(f"{_place(urn)}{text}" for text in dict.fromkeys(told))
    if not details:
        details = [text for text in _last_words(said) if not _ECHOES.match(text)]
    everything = "\n".join(details)
    remedy = hint or next(
        (remedy.text for remedy in _REMEDIES if remedy.pattern.search(everything)),
        "run it again with --verbose to see all that the engine says",
    )
    return RunFailed(what, details=details, remedy=remedy)


def _place(urn: str) -> str:
    if not urn or "::" not in urn:
        return ""
    token, name = urn.split("::")[-2].rsplit("$", 1)[-1], urn.rsplit("::", 1)[-1]
    if token == "pulumi:pulumi:Stack":  # noqa: S105  a type token
        return ""
    # A dynamic resource's own type names no cloud; the component that it belongs to does.
    parent = _OF_CLOUD.search(urn.split("::")[-2])
    package = token.split(":", 1)[0]
    cloud = _CLOUDS.get(parent[1] if parent and package not in _CLOUDS else package)
    return f"{cloud + ': ' if cloud else ''}{short_type(token)} {name}: "


def _clean(text: str) -> str:
    if _TRACE in text:
        return _without_trace(text)
    before = None
    while before != text:
        before = text
        for wrapper in _WRAPPERS:
            text = wrapper.sub("", text.strip())
    return text.rstrip(":").strip()


def _without_trace(text: str) -> str:
    """Return a program's own error with the place that raised it, without the frames between."""
    frames = re.findall(r'^\s*File "([^"]+)", line (\d+)', text, re.MULTILINE)
    last = text.rstrip().splitlines()[-1].strip()
    return f"{last} ({Path(frames[-1][0]).name}, line {frames[-1][1]})" if frames else last


def _last_words(said: str) -> list[str]:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    return told or lines[-3:]
