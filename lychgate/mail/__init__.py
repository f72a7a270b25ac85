"""Sending mail: to a server by SMTP, or into a folder."""

from lychgate.mail.base import Mailer, MailFailed, Message
from lychgate.mail.open import open_mailer

__all__ = ["MailFailed", "Mailer", "Message", "open_mailer"]
