"""The log file of a function in the sandbox."""

from pathlib import Path

from signet.probing.decision_log import WrittenLog


def test_each_line_is_given_once_and_an_unfinished_one_later(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    log = WrittenLog(file)
    assert list(log.new_lines()) == []
    file.write_text("1700000000000 one\nno time at all\n1700000001000 tw")
    assert [(line.time, line.text) for line in log.new_lines()] == [(1_700_000_000, "one")]
    with file.open("a") as more:
        more.write("o\n")
    assert [line.text for line in log.new_lines()] == ["two"]
    assert list(log.new_lines()) == []


def test_what_stands_there_already_belongs_to_earlier_requests(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_text("1700000000000 old\n")
    log = WrittenLog.from_now(file)
    with file.open("a") as more:
        more.write("1700000002000 new\n")
    assert [line.text for line in log.new_lines()] == ["new"]
