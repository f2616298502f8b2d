"""A mail server and a webhook on the loopback, which keep what they are sent; and what is in it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from servers.ports import free_port

LINK = re.compile(r"https?://[^\s\"]+")


@dataclass
class Received:
    """One message: to whom (address or path), its title and body."""

    to: str
    title: str
    body: str

    def links(self) -> list[str]:
        """The links in it, each once."""
        return list(dict.fromkeys(LINK.findall(self.body)))


@dataclass
class Mail:
    """A running mail server. `refuse` are addresses that it refuses, `hang` never answers."""

    port: int = 0
    messages: list[Received] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    hang: threading.Event = field(default_factory=threading.Event)

    def url(self, person: str) -> str:
        """The apprise URL of a person's mailbox here."""
        return (
            f"mailto://127.0.0.1:{self.port}?from=lifeline@plant.example&to={person}@plant.example"
            f"&mode=insecure&smtp=127.0.0.1"
        )

    def to(self, person: str) -> list[Received]:
        """What a person was sent."""
        return [m for m in self.messages if m.to == f"{person}@plant.example"]

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        parsed = message_from_bytes(envelope.content)
        title = str(make_header(decode_header(parsed["Subject"])))
        for to in envelope.rcpt_tos:
            self.messages.append(Received(to, title, _text(parsed)))
        return "250 taken"


def _text(message: Any) -> str:
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            return str(part.get_payload(decode=True).decode(part.get_content_charset() or "utf-8"))
    return ""


@contextmanager
def mail_server(port: int = 0) -> Iterator[Mail]:
    """A mail server for the block."""
    mail = Mail()
    # It waits five seconds by itself, which a busy machine may take.
    controller = Controller(mail, hostname="127.0.0.1", port=port or free_port(), ready_timeout=180)
    controller.start()
    mail.port = controller.port
    try:
        yield mail
    finally:
        controller.stop()


@dataclass
class Webhook:
    """A running webhook; `status` answers what is posted, by path (200), `hung` paths never."""

    port: int = 0
    messages: list[Received] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    hung: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)

    def url(self, person: str) -> str:
        """The apprise URL of a person's webhook here."""
        return f"json://127.0.0.1:{self.port}/{person}"

    def to(self, person: str) -> list[Received]:
        """What a person was sent."""
        return [m for m in self.messages if m.to == person]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook for the block."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            person = self.path.strip("/")
            length = int(self.headers["Content-Length"])
            document = json.loads(self.rfile.read(length))
            if person in hook.hung:
                hook.released.wait(180)
            status = hook.status.get(person, 200)
            if status == 200:
                hook.messages.append(Received(person, document["title"], document["message"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
