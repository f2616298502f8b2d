"""The engine's side of the socket: one thread takes questions, another answers one at a time.

Whoever may read the storage directory as the engine's own user may ask: the socket has mode 0600.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ..errors import LifelineError, LogError
from .answering import Answer
from .errors import QuestionError, StoreDamagedError, StoreError
from .limits import QUESTION_BYTES, REQUEST_BYTES, SILENT_CLIENT_S, WAITING_QUESTIONS
from .store import Store
from .wire import (
    ARROW,
    END,
    ERROR,
    QUESTION,
    Done,
    PieceWriter,
    Question,
    Refusal,
    address,
    receive,
    send,
)

SOCKET: Final = "store.sock"
_JOIN_S: Final = 5.0


class Server:
    """Answers questions about an open store until it is stopped. Its own faults never leave it:
    they are told to who asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._directory: Path = store.spec.path.parent
        self._listening: socket.socket | None = None
        self._waiting: queue.Queue[socket.socket | None] = queue.Queue(WAITING_QUESTIONS)
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self) -> None:
        """Takes questions from now on. Where there can be no socket the store works without."""
        try:
            self._listening = _bound(self._directory)
        except (OSError, LogError):
            return
        for name, run in (("store-socket", self._accept), ("store-questions", self._serve)):
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Takes no more; the question under way ends with the store."""
        self._stopping.set()
        listening, self._listening = self._listening, None
        if listening is None:
            return
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        with suppress(OSError):
            (self._directory / SOCKET).unlink()
        self._store.interrupt()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        for thread in self._threads:
            thread.join(_JOIN_S)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            listening = self._listening
            if listening is None:
                return
            try:
                connection, _ = listening.accept()
            except OSError:
                if self._stopping.wait(0.1):
                    return
                continue
            connection.settimeout(SILENT_CLIENT_S)
            try:
                self._waiting.put_nowait(connection)
            except queue.Full:
                _refuse(connection, Refusal("busy", "too many questions wait; ask again later"))
                connection.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            connection = self._waiting.get()
            if connection is None:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            kind, data = receive(connection, QUESTION_BYTES)
            if kind != QUESTION:
                raise ValueError("the first piece is no question")
            question = msgspec.json.decode(data, type=Question)
            done = self._done(connection, question)
            send(connection, END, msgspec.json.encode(done))
        except QuestionError as error:
            _refuse(connection, Refusal("question", str(error)))
        except (ValueError, msgspec.MsgspecError) as error:
            _refuse(connection, Refusal("question", f"the request cannot be read: {error}"))
        except StoreError as error:
            if isinstance(error, StoreDamagedError):
                self._store.damaged(str(error))
            _refuse(connection, Refusal("store", str(error)))
        except (OSError, EOFError):
            return  # who asked is gone, or does not take the answer
        except LifelineError as error:
            _refuse(connection, Refusal("store", str(error)))
        except Exception as error:  # noqa: BLE001  one bad question must not end all others
            _refuse(connection, Refusal("store", f"{type(error).__name__}: {error}"))

    def _done(self, connection: socket.socket, question: Question) -> Done:
        if question.do == "ask":
            return self._ask(connection, question)
        if question.do == "settle":
            self._store.tend(now=True)
            return Done()
        return self._write(connection, question)

    def _ask(self, connection: socket.socket, question: Question) -> Done:
        import pyarrow as pa

        with self._store.reading() as reading:
            answer = Answer(reading, question)
            try:
                writer = PieceWriter(connection)
                with pa.ipc.new_stream(pa.PythonFile(writer, "w"), answer.schema) as stream:
                    for batch in answer.pieces():
                        stream.write_batch(batch)
                writer.finish()
            finally:
                answer.close()
        return Done(rows=answer.rows, more=answer.more)

    def _write(self, connection: socket.socket, question: Question) -> Done:
        import pyarrow as pa

        kind, data = receive(connection, REQUEST_BYTES)
        if kind != ARROW:
            raise ValueError("rows must follow")
        try:
            table = pa.ipc.open_stream(data).read_all()
            if question.sql == "alert":
                stored = self._store.write_alerts(table)
                return Done(rows=len(table), stored=stored, repeated=len(table) - stored)
            written = self._store.write_named(table)
        except (pa.ArrowException, KeyError) as error:
            raise QuestionError(f"the rows cannot be read: {error}") from error
        return Done(
            rows=len(table),
            stored=written.stored,
            replaced=written.replaced,
            repeated=written.repeated,
            expired=written.expired,
        )


def _refuse(connection: socket.socket, refusal: Refusal) -> None:
    with suppress(OSError):
        send(connection, ERROR, msgspec.json.encode(refusal))


def _bound(directory: Path) -> socket.socket:
    """A listening socket that nobody else can reach, in the place of one that a dead engine left."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)  # Linux gives the name that is bound this mode
        with suppress(FileNotFoundError):
            (directory / SOCKET).unlink()
        with address(directory, SOCKET) as name:
            listening.bind(name)
        (directory / SOCKET).chmod(0o600)
        listening.listen(WAITING_QUESTIONS)
    except BaseException:
        listening.close()
        raise
    return listening
