"""Mail to a server: SMTP with STARTTLS, or TLS from the first byte."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from lychgate.mail.base import InvalidMailSettings, MailFailed

SECONDS = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Security(StrEnum):
    """How the connection is protected."""

    TLS = "smtps"
    STARTTLS = "smtp"
    """Required, except on this machine, where it is used when offered."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over, and as whom."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)


def parse_server(url: str) -> Server:
    """Read `smtp://USER:PASSWORD@HOST:PORT`; raises `InvalidMailSettings`, never with the URL."""
    hint = "smtp://user:password@host:587, or smtps:// for tls from the start"
    try:
        parts = urlsplit(url)
        security, port = Security(parts.scheme), parts.port
    except ValueError as error:
        raise InvalidMailSettings("the smtp url cannot be read", hint) from error
    if not parts.hostname:
        raise InvalidMailSettings("the smtp url names no host", hint)
    standard = 465 if security is Security.TLS else 587
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Server(parts.hostname, port or standard, security, user, password)


class SmtpMailer:
    """Hands each mail to a server over a connection of its own."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._tls = tls or ssl.create_default_context()

    def deliver(self, mail: EmailMessage) -> MailFailed | None:
        """Hand one mail over."""
        place = f"{self._server.host}:{self._server.port}"
        try:
            with self._connect() as connection:
                self._protect(connection)
                if self._server.user:
                    connection.login(self._server.user, self._server.password)
                connection.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({answer[0] for answer in error.recipients.values()})
            return MailFailed(f"mail server {place} refused the recipient: {codes}")
        except smtplib.SMTPResponseException as error:
            # The server's words may quote what it was sent, the password too.
            return MailFailed(f"mail server {place} answered {error.smtp_code}")
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return MailFailed(f"mail server {place} is not usable: {type(error).__name__}: {error}")
        return None

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security is Security.TLS:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=self._tls)
        return smtplib.SMTP(server.host, server.port, timeout=SECONDS)

    def _protect(self, connection: smtplib.SMTP) -> None:
        connection.ehlo()
        if self._server.security is Security.TLS:
            return
        if connection.has_extn("starttls"):
            connection.starttls(context=self._tls)
        elif self._server.host not in _LOOPBACK:
            raise smtplib.SMTPNotSupportedError("it offers no STARTTLS")
