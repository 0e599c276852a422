"""Coverage-guided fuzzing of the verification package: `python -m tests.fuzz SECONDS [FOLDER]`.

Atheris (libFuzzer) drives `harness.judge`; new inputs that reach further are kept in FOLDER
(default: `build/fuzz`), which starts with the lines of `corpus.txt`. Exits 0 when nothing was
found; otherwise the input is in FOLDER, to be tried again by `python -m tests.fuzz replay FILE`.
"""

import sys
from hashlib import sha256
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus.txt"


def seeds() -> list[bytes]:
    """The inputs that every run starts with."""
    lines = CORPUS.read_text().splitlines()
    return [bytes.fromhex(line.partition("#")[0]) for line in lines if line.partition("#")[0]]


def fuzz(seconds: int, folder: Path) -> None:
    """Fuzz for about `seconds`; ends the process, as libFuzzer does."""
    import atheris

    with atheris.instrument_imports(include=["validator_functions"]):
        from tests.fuzz.harness import judge

    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (corpus / sha256(seed).hexdigest()).write_bytes(seed)
    arguments = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={folder}/",
        "-max_len=512",
        "-timeout=20",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *arguments], lambda data: judge(data) and None)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """Run or replay."""
    if len(arguments) == 2 and arguments[0] == "replay":
        from tests.fuzz.harness import judge

        print(judge(Path(arguments[1]).read_bytes()))
        return 0
    if not arguments or not arguments[0].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[1]) if len(arguments) > 1 else Path("build") / "fuzz"
    fuzz(int(arguments[0]), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
