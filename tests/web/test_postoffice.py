"""A mail server that takes connections and says nothing keeps nobody waiting, and nothing open."""

import socket
import time
from collections import Counter

from lychgate.mail import Message, open_mailer
from lychgate.settings import Mail
from lychgate.web.postoffice import PostOffice


def test_a_mail_server_that_hangs_holds_up_neither_visitors_nor_the_end() -> None:
    counted: Counter[str] = Counter()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        mailer = open_mailer(Mail(smtp_url=f"smtp://127.0.0.1:{deaf.getsockname()[1]}"))
        office = PostOffice(mailer, lambda outcome: counted.update([outcome]))
        began = time.monotonic()
        for number in range(1500):
            office.post(Message(f"p{number}@staff.example", "Your code", "123456"))
        assert time.monotonic() - began < 2, "nobody waits for a mail"
        assert counted["dropped"] >= 499, "no more than a thousand wait"
        office.close()
        assert time.monotonic() - began < 9, "the end waits for a moment only"
