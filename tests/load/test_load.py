"""The load's own instruments: a wrong verdict is noticed, and each answer is timed."""

import threading
import time

from tests.load import attack
from tests.load.traffic import Question, Traffic, in_turn
from validator_functions.cloud_run.answers import Answer, plain
from validator_functions.cloud_run.requests import Headers
from validator_functions.cloud_run.server import Server

ASKED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def answered(status: int, connections: int, *questions: Question) -> Traffic:
    """Traffic that got `status` for everything, each question once."""

    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        return plain(status, {})

    server = Server("127.0.0.1", 0, handle, grace=0.5)
    thread = threading.Thread(target=server.run)
    thread.start()
    left = iter(questions)
    traffic = Traffic(server.port, connections)
    try:
        traffic.run(lambda: next(left, None), 5.0)
    finally:
        server.stop()
        thread.join(10)
    return traffic


def test_a_right_answer_is_counted_and_timed() -> None:
    seen = answered(200, 2, *[Question(ASKED, frozenset({200}))] * 5).seen
    assert len(seen.seconds) == 5
    assert (seen.wrong, seen.errors) == ({}, {})
    assert 0 < seen.part(0.5) <= seen.part(0.99) < 5


def test_a_wrong_verdict_is_noticed() -> None:
    seen = answered(200, 1, Question(ASKED, frozenset({401}), "expired")).seen
    assert seen.wrong == {("expired", 200): 1}


def test_a_malformed_question_is_answered_400() -> None:
    closing = b"nonsense\r\n\r\n"
    seen = answered(200, 1, Question(closing, frozenset({200}), "nonsense")).seen
    assert seen.wrong == {("nonsense", 400): 1}
    assert seen.errors == {}


def test_questions_take_turns() -> None:
    first, second = Question(b"1", frozenset()), Question(b"2", frozenset())
    take = in_turn([first, second])
    assert [take() for _ in range(3)] == [first, second, first]


def test_what_came_of_two_runs_is_counted_together() -> None:
    wrong = Question(ASKED, frozenset({401}), "expired")
    seen = answered(200, 1, wrong).seen
    seen.fail("reset")
    seen.add(answered(200, 1, wrong, Question(ASKED, frozenset({200}))).seen)
    seen.fail("reset")
    assert (len(seen.seconds), seen.wrong, seen.errors) == (3, {("expired", 200): 2}, {"reset": 2})


def test_an_attack_sends_what_it_states_and_ends_with_its_time() -> None:
    heard = []

    def handle(method: str, target: str, headers: Headers, *, waited: bool = False) -> Answer:
        heard.append(target)
        return plain(401, {})

    server = Server("127.0.0.1", 0, handle, grace=0.5)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        begun = time.monotonic()
        sent = attack.attack(server.port, 0.5, {"malformed": lambda _: ASKED})
        assert 0.5 <= time.monotonic() - begun < 5
    finally:
        server.stop()
        thread.join(10)
    assert 0 < sent["malformed"] <= 0.5 * attack.RATES["malformed"] + 1
    assert len(heard) == sent["malformed"]
