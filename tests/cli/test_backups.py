"""`lychgate backup` and `lychgate restore` as an administrator meets them."""

from pathlib import Path

from tests.cli.conftest import Lychgate


def test_an_installation_is_saved_and_brought_back_elsewhere(
    lychgate: Lychgate, folder: Path
) -> None:
    lychgate("init")
    assert lychgate("backup", "b").errors == ["error the store was never used"]
    lychgate("service-token", "create", "ci")
    saved = lychgate("backup", "b")
    assert saved.status == 0 and saved.out.startswith("wrote b: ")
    assert "Keep the master key as well" in saved.err
    again = lychgate("backup", "b")
    assert (again.status, again.errors[0]) == (1, "error `b` is there already")
    there = lychgate("restore", "b")
    assert (there.status, there.errors[0]) == (1, "error the store holds an installation already")
    (folder / "lychgate.db").unlink()
    back = lychgate("restore", "b")
    assert back.status == 0 and "service tokens ended: 1" in back.out
    assert "disabled" in lychgate("service-token", "list").out


def test_a_backup_with_the_key_in_it_says_so_and_needs_nothing_else(
    lychgate: Lychgate, folder: Path
) -> None:
    lychgate("init")
    lychgate("service-token", "create", "ci")
    assert "whoever reads it has every secret" in lychgate("backup", "b", "--with-master-key").err
    for lost in ("lychgate.db", "lychgate.key"):
        (folder / lost).unlink()
    assert lychgate("restore", "b", "--keep", "service-tokens").status == 0
    assert "good" in lychgate("service-token", "list").out


def test_a_file_of_something_else_is_named(lychgate: Lychgate) -> None:
    lychgate("init")
    said = lychgate("restore", "lychgate.yaml")
    assert (said.status, said.errors) == (
        1,
        ["error `lychgate.yaml` is not a backup of this program"],
    )
