"""Runs questions to clouds side by side, and waits for all of them no longer than a given time."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Answer(Generic[T]):
    """What one question came to; `done` is set once it is answered, in time or not."""

    def __init__(self, question: Callable[[], T]) -> None:
        self.done = threading.Event()
        self.at = 0.0
        """When it was answered, by `time.monotonic`."""
        self._question = question
        self._value: T
        self._error: BaseException | None = None

    def ask(self) -> None:
        """Ask on this thread."""
        try:
            self._value = self._question()
        except BaseException as error:  # noqa: BLE001 - kept for whoever takes the answer
            self._error = error
        finally:
            self.at = time.monotonic()
            self.done.set()

    def result(self) -> T:
        """Return the answer, or raise what asking raised; TimeoutError when there is none yet."""
        if not self.done.is_set():
            raise TimeoutError("no answer in time")
        if self._error is not None:
            raise self._error
        return self._value


def ask_all(questions: Mapping[K, Callable[[], T]]) -> dict[K, Answer[T]]:
    """Ask everything at once, and return without waiting.

    On daemon threads: a cloud that hangs must hold up neither the answer nor the process's end,
    which a `ThreadPoolExecutor` waits for.
    """
    answers = {name: Answer(question) for name, question in questions.items()}
    for name, answer in answers.items():
        threading.Thread(target=answer.ask, name=f"ask-{name}", daemon=True).start()
    return answers


def wait_for(answers: Iterable[Answer[T]], seconds: float) -> None:
    """Return after `seconds`, or as soon as all have answered."""
    until = time.monotonic() + seconds
    for answer in answers:
        answer.done.wait(max(0.0, until - time.monotonic()))
