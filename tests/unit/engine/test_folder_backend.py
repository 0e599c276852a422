"""A backend folder after a kill."""

from pathlib import Path

from signet.engine import folder_backend


def test_only_what_is_half_written_goes(tmp_path: Path) -> None:
    stacks = tmp_path / ".pulumi" / "stacks" / "signet"
    stacks.mkdir(parents=True)
    kept = {
        stacks / "local.json": "{}",
        stacks / "local.json.bak.attrs": '{"md5": "x"}',
        stacks / "dev.json.attrs": "",
        tmp_path / ".pulumi" / "meta.yaml.attrs": '{"md5": "y"}',
    }
    gone = {stacks / "local.json.attrs": "", stacks / "local.json.123.tmp": "{"}
    for path, text in {**kept, **gone}.items():
        path.write_text(text, encoding="utf-8")
    told = folder_backend.mend(tmp_path, "signet", "local")
    assert told == ["removed local.json.attrs, which a killed run had half written"]
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(kept)
    assert folder_backend.mend(tmp_path, "signet", "local") == []


def test_a_backend_that_does_not_exist_yet_needs_nothing(tmp_path: Path) -> None:
    assert folder_backend.mend(tmp_path / "none", "signet", "local") == []
