"""Mail through a real SMTP server, into a folder, and when neither works."""

import email
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from lychgate.mail import MailFailed, Message, open_mailer
from lychgate.mail.base import InvalidMailSettings
from lychgate.mail.smtp import Security, SmtpMailer, parse_server
from lychgate.settings import Mail
from tests.support.certificates import self_signed

MESSAGE = Message(
    "alice@example.com", "Your code für Müller", "The code is 123456.\n", "<p>123456</p>"
)


class Inbox:
    """What a server received, and what it refuses."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = ""

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"


def _check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = LoginPassword(b"us@er", b"p:ss/word")
    return AuthResult(success=data == good, handled=False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def serve(inbox: Inbox, **settings: Any) -> Controller:
    return Controller(inbox, hostname="localhost", port=_free_port(), **settings)


@pytest.fixture
def plain(inbox: Inbox) -> Iterator[Controller]:
    controller = serve(inbox)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context and a client's that trusts it."""
    pem = tmp_path / "certificate.pem"
    pem.write_bytes(self_signed("localhost"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=pem)


def mailer(url: str) -> Any:
    return open_mailer(Mail(smtp_url=url, sender="Access <access@example.com>"))


def test_a_mail_arrives_with_both_parts(inbox: Inbox, plain: Controller) -> None:
    assert mailer(f"smtp://localhost:{plain.port}").send(MESSAGE) is None
    mail = inbox.mails[0]
    assert str(mail["To"]) == "alice@example.com"
    assert str(mail["From"]) == "Access <access@example.com>"
    assert str(mail["Subject"]) == "Your code für Müller"
    assert mail["Date"] and mail["Message-ID"]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and text.get_content().strip() == "The code is 123456."
    assert html is not None and "<p>123456</p>" in html.get_content()


def test_starttls_and_login(inbox: Inbox, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    controller = serve(inbox, tls_context=tls[0], require_starttls=True, authenticator=_check)
    controller.start()
    try:
        url = f"smtp://us%40er:p%3Ass%2Fword@localhost:{controller.port}"
        carrier = SmtpMailer(parse_server(url), tls[1])
        assert carrier.deliver(_a_mail()) is None
        wrong = SmtpMailer(parse_server(url.replace("word", "hush")), tls[1]).deliver(_a_mail())
        assert isinstance(wrong, MailFailed)
        assert "535" in wrong.detail
        assert "hush" not in wrong.detail
        untrusting = SmtpMailer(parse_server(url)).deliver(_a_mail())
        assert isinstance(untrusting, MailFailed)
    finally:
        controller.stop()
    assert len(inbox.mails) == 1


def test_starttls_is_the_default_and_tls_from_the_start_the_other_way() -> None:
    server = parse_server("smtp://mail.example.com")
    assert (server.port, server.security) == (587, Security.STARTTLS)
    assert parse_server("smtps://mail.example.com").port == 465


def test_a_server_elsewhere_without_starttls_gets_nothing(inbox: Inbox) -> None:
    # An address that is not among the names of this machine, so it stands for another one.
    controller = Controller(inbox, hostname="127.0.0.2", port=_free_port())
    controller.start()
    try:
        outcome = mailer(f"smtp://127.0.0.2:{controller.port}").send(MESSAGE)
    finally:
        controller.stop()
    assert isinstance(outcome, MailFailed)
    assert "STARTTLS" in outcome.detail
    assert inbox.mails == []


@pytest.mark.parametrize("answer", ["550 no such user", "451 try later"])
def test_a_refused_recipient_is_a_value(inbox: Inbox, plain: Controller, answer: str) -> None:
    inbox.refuse = answer
    outcome = mailer(f"smtp://localhost:{plain.port}").send(MESSAGE)
    assert isinstance(outcome, MailFailed)
    assert answer[:3] in outcome.detail


def test_a_server_that_is_down_is_a_value() -> None:
    outcome = mailer(f"smtp://user:hush@127.0.0.1:{_free_port()}").send(MESSAGE)
    assert isinstance(outcome, MailFailed)
    assert "not usable" in outcome.detail
    assert "hush" not in outcome.detail


@pytest.mark.parametrize("to", ["a@example.com\r\nBcc: b@example.com", "", "a", "a@b@c", "<a@b>"])
def test_l10_an_address_cannot_add_a_header(tmp_path: Path, to: str) -> None:
    folder = open_mailer(Mail(folder=tmp_path))
    assert isinstance(folder.send(Message(to, "x", "y")), MailFailed)
    assert list(tmp_path.iterdir()) == []


def test_l10_a_subject_cannot_add_a_header(tmp_path: Path) -> None:
    outcome = open_mailer(Mail(folder=tmp_path)).send(Message("a@b.example", "x\r\nBcc: c@d", "y"))
    assert isinstance(outcome, MailFailed)


def test_a_folder_receives_complete_files(tmp_path: Path) -> None:
    folder = tmp_path / "mail" / "out"
    sender = open_mailer(Mail(folder=folder))
    for _ in range(3):
        assert sender.send(MESSAGE) is None
    files = list(folder.iterdir())
    assert len(files) == 3
    assert {file.suffix for file in files} == {".eml"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    mail = email.message_from_bytes(files[0].read_bytes(), policy=default)
    assert str(mail["To"]) == "alice@example.com"
    text = mail.get_body(("plain",))
    assert text is not None and "123456" in text.get_content()


def test_a_folder_that_cannot_be_written_is_a_value(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    outcome = open_mailer(Mail(folder=blocked / "mail")).send(MESSAGE)
    assert isinstance(outcome, MailFailed)


def test_without_mail_every_attempt_says_so() -> None:
    outcome = open_mailer(Mail()).send(MESSAGE)
    assert isinstance(outcome, MailFailed)
    assert "no mail is configured" in outcome.detail


@pytest.mark.parametrize(
    "settings",
    [
        Mail(smtp_url="https://mail.example.com"),
        Mail(smtp_url="smtp://"),
        Mail(smtp_url="smtp://user:hush@mail.example.com:99999"),
        Mail(smtp_url="mail.example.com:25"),
        Mail(smtp_url="smtp://mail.example.com", folder=Path("mail")),
        Mail(smtp_url="smtp://mail.example.com", sender="nobody"),
        Mail(smtp_url="smtp://mail.example.com", sender="a@b.example\r\nBcc: c@d.example"),
    ],
)
def test_settings_that_cannot_work_are_a_clear_error(settings: Mail) -> None:
    with pytest.raises(InvalidMailSettings) as raised:
        open_mailer(settings)
    assert "hush" not in str(raised.value)


def test_neither_code_nor_password_in_what_is_logged() -> None:
    assert "123456" not in repr(MESSAGE)
    assert "hush" not in repr(parse_server("smtp://user:hush@mail.example.com"))


def _a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.com", "b@example.com", "x"
    mail.set_content("y")
    return mail
