"""What a mail is, and what can become of it."""

from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Protocol

from lychgate.errors import LychgateError


class InvalidMailSettings(LychgateError):
    """Mail settings that cannot be used."""

    code = "invalid_mail_settings"


@dataclass(frozen=True, slots=True)
class Message:
    """One mail to one person, as text and as HTML."""

    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class MailFailed:
    """The mail was not handed over; `detail` is for the log and holds nothing of the mail."""

    detail: str


class Mailer(Protocol):
    """Something that mails can be handed to."""

    def send(self, message: Message) -> MailFailed | None:
        """Hand one mail over; None when it was accepted. It never raises."""
        ...


def compose(message: Message, sender: Address, message_id: str, date: datetime) -> EmailMessage:
    """The complete mail. Header values cannot break out: the library refuses line ends."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = Address(addr_spec=message.to)
    mail["Subject"] = message.subject
    mail["Date"] = date
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"
    # Readable as it lies in the folder, whatever alphabet the team is written in.
    mail.set_content(message.text, cte="quoted-printable")
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail
