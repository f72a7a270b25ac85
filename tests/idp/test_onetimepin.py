"""One-time PIN: codes, digests, and the mail whose text holds one six-digit number."""

import re

import pytest

from lychgate.idp import onetimepin


def test_l13_codes_have_six_digits_and_come_from_the_given_source() -> None:
    assert onetimepin.new_code(lambda bound: 7) == "000007"
    assert onetimepin.new_code(lambda bound: bound - 1) == "999999"
    assert len({onetimepin.new_code() for _ in range(200)}) > 190


@pytest.mark.parametrize("typed", ["123456", " 123456\n", "123 456", "123-456", "123\u00a0456"])
def test_codes_as_people_paste_them(typed: str) -> None:
    assert onetimepin.entered_code(typed) == "123456"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "１２３４５６", "²³¹²³¹", "1" * 999]
)
def test_l13_nothing_else_is_a_code(typed: str) -> None:
    assert onetimepin.entered_code(typed) is None


def test_l12_one_form_for_every_spelling_of_an_address() -> None:
    for typed in ("A@X.example", " a@x.example ", "a@x.example\t"):
        assert onetimepin.entered_email(typed) == "a@x.example"
    assert onetimepin.entered_email("a@evil@x.example") is None


def test_l13_a_digest_is_for_one_code_in_one_login_of_one_installation() -> None:
    one = onetimepin.digest("123456", "login", b"pepper")
    assert one == onetimepin.digest("123456", "login", b"pepper")
    others = {
        onetimepin.digest("123457", "login", b"pepper"),
        onetimepin.digest("123456", "other", b"pepper"),
        onetimepin.digest("123456", "login", b"other"),
    }
    assert one not in others
    assert b"123456" not in one


@pytest.mark.parametrize("team", ["Example", "Team 123456 & 99887766", "1234567", "<b>x</b>"])
def test_the_text_holds_the_code_as_its_only_six_digit_number(team: str) -> None:
    link = "https://team.example.com/cdn-cgi/access/login?t=123456abcdef999999"
    mail = onetimepin.letter("alice@example.com", "042137", team, link)
    assert re.findall(r"\d{6,}", mail.text) == ["042137"]
    assert re.findall(r"\d{6,}", mail.subject) == []
    assert "10 minutes" in mail.text
    assert 'href="https://team.example.com/' in mail.html
    assert "<b>x</b>" not in mail.html


def test_the_code_is_not_in_what_is_logged() -> None:
    mail = onetimepin.letter("alice@example.com", "042137", "Example", "https://x.example/")
    assert "042137" not in repr(mail)
