"""What a table prints of names that strangers chose, and of ids that people copy."""

import pytest

from lychgate.cli.tables import show

ID = "5777dd158f12406dbbb471975d1375fc2ee25909efcd00716eee88ac73c54fa7"


@pytest.mark.parametrize("columns", ["40", "80", "300"])
def test_an_id_is_never_cut(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    show(("key", "note"), [(ID, "word " * 40)], {"key"})
    assert ID in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["[/red]", "[red]x", "[link=https://evil.example]x[/link]", "\\[x]"]
)
def test_a_name_is_no_markup(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(("name",), [(name,)], ())
    assert name in capsys.readouterr().out


def test_a_name_does_not_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(("name",), [("a\x1b[2J\x07\x9b31mb\u202ec",)], ())
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)
