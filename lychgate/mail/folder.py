"""Mail as files: each appears complete, by rename, with the ending `.eml`."""

import os
import secrets
from email.message import EmailMessage
from pathlib import Path

from lychgate.mail.base import MailFailed


class FolderMailer:
    """Writes each mail into a folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, mail: EmailMessage) -> MailFailed | None:
        """Write one mail."""
        name = secrets.token_hex(16)
        partial = self._folder / f".{name}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                file.write(mail.as_bytes())
            partial.rename(self._folder / f"{name}.eml")
        except OSError as error:
            return MailFailed(f"mail folder `{self._folder}` cannot be written: {error.strerror}")
        return None
