"""From the mail settings to what sends: a server, a folder, or a clear refusal."""

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import Protocol

from lychgate.mail.base import InvalidMailSettings, Mailer, MailFailed, Message, compose
from lychgate.mail.folder import FolderMailer
from lychgate.mail.smtp import SmtpMailer, parse_server
from lychgate.settings import Mail


class _Carrier(Protocol):
    def deliver(self, mail: EmailMessage) -> MailFailed | None: ...


@dataclass(frozen=True, slots=True)
class CarriedMailer:
    """Composes a mail and gives it to its carrier."""

    carrier: _Carrier
    sender: Address

    def send(self, message: Message) -> MailFailed | None:
        """Hand one mail over."""
        try:
            mail = compose(message, self.sender, make_msgid(domain=self.sender.domain), localtime())
        except (ValueError, IndexError, MessageError) as error:
            return MailFailed(f"the mail cannot be written: {type(error).__name__}")
        return self.carrier.deliver(mail)


@dataclass(frozen=True, slots=True)
class NoMailer:
    """No mail is configured: nothing is sent, and every attempt says so."""

    def send(self, message: Message) -> MailFailed | None:
        """Say that there is no way to send."""
        return MailFailed("no mail is configured: set `mail.smtp_url` or `mail.folder`")


def open_mailer(settings: Mail) -> Mailer:
    """The mailer these settings ask for; raises `InvalidMailSettings`, touches no network."""
    if not settings.smtp_url and settings.folder is None:
        return NoMailer()
    if settings.smtp_url and settings.folder is not None:
        raise InvalidMailSettings("`mail.smtp_url` and `mail.folder` are both set", "keep one")
    sender = _sender(settings.sender)
    if settings.folder is not None:
        return CarriedMailer(FolderMailer(settings.folder), sender)
    return CarriedMailer(SmtpMailer(parse_server(settings.smtp_url)), sender)


def _sender(text: str) -> Address:
    name, _, rest = text.rpartition("<")
    try:
        return Address(display_name=name.strip().strip('"'), addr_spec=rest.rstrip("> "))
    except (ValueError, IndexError, MessageError) as error:
        message = f"`mail.from` is not an address: `{text}`"
        raise InvalidMailSettings(message, "for instance access@example.com") from error
