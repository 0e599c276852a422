"""How the module differs from three libraries: `python -m tests.comparison [--write]`.

Runs the cases of `tests/cases` through each library and prints the table; with `--write` it goes
into `docs/verification.md`, between its two marks.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from tests.cases.refusals import CASES
from tests.cases.table import Case
from tests.comparison.libraries import LIBRARIES, opinion

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verification.md"
BEGIN = "<!-- made by `python -m tests.comparison --write` -->\n"
END = "<!-- end of what is made -->\n"

TITLES = {
    1: "`alg` none in any case",
    2: "`alg` missing, empty, not a string",
    3: "`alg` in another spelling",
    4: "HS256 keyed with the public key as PEM",
    5: "HS256 keyed with it as DER, JWK, SSH",
    6: "another algorithm of the key's kind",
    7: "an algorithm of another kind of key",
    8: "a JWK without a fitting `alg`",
    9: "a curve other than the algorithm's",
    10: "embedded `jwk`",
    11: "`jku`",
    12: "`x5u`",
    13: "`x5c`, `x5t`",
    14: "`crit` with an unknown name",
    15: "`crit` empty, no list, repeated",
    16: "`crit` naming `alg` or an absent header",
    17: "`b64`",
    18: "`zip`",
    19: "a token in a token",
    20: "JWE, or a header of one",
    21: "`typ` of another kind, or no string",
    22: "an ID or logout token",
    23: "`kid` missing, empty, not a string",
    24: "`kid` with a path, SQL, URL, NUL",
    25: "overlong `kid`",
    26: "unknown `kid`",
    28: "a withdrawn or denied `kid`",
    29: "a `kid` of another issuer",
    30: "a set with a `kid` twice",
    31: "a set with a symmetric or private key",
    32: "`use: enc`",
    33: "`key_ops` without `verify`, or malformed",
    34: "RSA too small or absurdly large",
    35: "an exponent out of bounds or misspelt",
    36: "a point off the curve, a malformed set",
    37: "an empty signature",
    38: "a signature shortened or lengthened",
    39: "DER instead of r, s",
    40: "r or s out of range",
    41: "an RSA signature out of range",
    42: "malformed PKCS#1 padding",
    43: "PSS where PKCS#1 is pinned, wrong salt",
    44: "a changed bit",
    45: "the wrong number of dots",
    46: "JSON serialization",
    47: "padding, white space, another alphabet",
    48: "unused bits that are set",
    49: "not ASCII",
    50: "BOM, UTF-16, UTF-32",
    51: "broken UTF-8, lone surrogates",
    52: "a header name twice",
    53: "a claim twice",
    54: "a payload that is no object, or more",
    55: "deep nesting",
    56: "a number with very many digits",
    57: "over a size limit",
    58: "`exp` missing or null",
    59: "`exp` that is no integer date",
    60: "`exp` just over",
    61: "`nbf` in the future, or no date",
    62: "`iat` missing, in the future, no date",
    63: "a lifetime over the cap",
    64: "`iss` missing or another",
    65: "`aud` missing, another, malformed",
    66: "`sub` missing or malformed, a missing claim",
    67: "a missing scope or role",
    68: "a denied `jti`",
}


def table() -> str:
    """The whole table in Markdown."""
    head = ["line", "what", "cases", *(f"{name} {version(name)}" for name in LIBRARIES)]
    rows = [head, ["---:", "---", "---:", *("---" for _ in LIBRARIES)], *_rows()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows() -> Iterator[list[str]]:
    passing = [case for case in CASES if case.reason is None and _is_a_tokens(case)]
    cells = [_verdict(_count(name, passing), len(passing)) for name in LIBRARIES]
    yield ["", "**what is to be allowed**", str(len(passing)), *cells]
    for number, title in TITLES.items():
        group = [case for case in CASES if case.number == number and case.reason is not None]
        cells = [_verdict(_count(name, group), len(group)) for name in LIBRARIES]
        yield [str(number), title, str(len(group)), *cells]


def _is_a_tokens(case: Case) -> bool:
    line = case.line()
    return "signature_only" not in line and line["policy"]["issuer"] is not None


def _count(library: str, group: list[Case]) -> dict[str, int]:
    answers = [opinion(library, case.line()) for case in group]
    return {name: answers.count(name) for name in ("allows", "refuses", "breaks off")}


def _verdict(count: dict[str, int], all_of_them: int) -> str:
    told = [
        f"**{name}**" if name == "allows" and number == all_of_them
        else name if number == all_of_them
        else f"{name} {number}"
        for name, number in count.items()
        if number
    ]  # fmt: skip
    return ", ".join(told)


def written(page: str, made: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Print the table, or write it into the page."""
    if arguments not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = table()
    if arguments:
        PAGE.write_text(written(PAGE.read_text(), made))
    else:
        print(made, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
