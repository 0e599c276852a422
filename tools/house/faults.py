"""What set-up says when it cannot go on."""


class SetupFault(Exception):
    """One thing in the way, and the way out.

    `problem` is one sentence; `remedy` says what to type or to change; `detail` is what the
    failing tool itself said, shortened.
    """

    def __init__(self, problem: str, remedy: str, detail: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        lines = [f"set-up stopped: {self.problem}"]
        lines += [f"  | {line}" for line in self.detail.strip().splitlines()[-12:]]
        lines.append(f"  Way out: {self.remedy}")
        return "\n".join(lines)
