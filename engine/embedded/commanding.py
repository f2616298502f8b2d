"""Commands on their way into the log, and the answers to whoever gave them.

A command's entry names by its producer how it came; that is where the answer goes, also when the
entry is stepped again after a crash.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from ..areas.configuration import SITE
from ..clock import Clock
from ..command import Command, Reply
from ..entry import Entry, Header, encode
from ..errors import LifelineError, LogError
from ..limits import INBOX_POLL_NS, SECOND_NS
from ..log import Inbox, LogClosed, LogStore, Ticket

BY_MQTT: Final = "mqtt"
BY_INBOX: Final = "inbox"
BY_CALL: Final = "call"


class Commands:
    """Takes commands from MQTT, from other processes and from callers in this one.

    on_mqtt_reply   what came by MQTT is answered there
    on_trouble      the inbox cannot be used
    tenant_of       the tenant of a site, "" where it is not known

    `areas` is the log of areas, where commands for `area:<path>` go; None: there is none.
    """

    def __init__(
        self,
        store: LogStore,
        inbox: Inbox,
        clock: Clock,
        tenant_of: Callable[[str], str],
        on_mqtt_reply: Callable[[Reply], None],
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._clock = clock
        self._tenant_of = tenant_of
        self._on_mqtt_reply = on_mqtt_reply
        self._on_trouble = on_trouble
        self._answers: SimpleQueue[Reply] = SimpleQueue()
        self._callers: dict[str, SimpleQueue[Reply]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifeline-inbox", daemon=True)
        self.areas: LogStore | None = None
        self.taken = 0
        self.answered = 0

    def start(self) -> None:
        """Begins to look into the inbox."""
        self._thread.start()

    def stop_taking(self) -> None:
        """Looks into the inbox no more; what it holds is done after the next start."""
        self._stopping.set()

    def close(self) -> None:
        """Writes the last answers and closes the inbox."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._write_answers()
        self._inbox.close()

    def submit(self, command: Command, producer: str = BY_MQTT) -> Ticket:
        """Appends the command. The ticket tells when it is durable; the answer comes when it is
        stepped. Raises LogClosed."""
        header = Header(self._tenant_of(command.site), producer, self.taken + 1, self._clock.wall())
        store = self._store
        if self.areas is not None and command.site.startswith(SITE):
            store = self.areas
        ticket = store.append([encode(Entry(header, command))])
        self.taken += 1
        return ticket

    def act(self, command: Command, timeout_s: float) -> Reply:
        """Appends the command and waits for its answer. Raises LogError, TimeoutError."""
        answers: SimpleQueue[Reply] = SimpleQueue()
        with self._lock:
            self._callers[command.id] = answers
        try:
            self.submit(command, BY_CALL).wait(timeout_s)
            return answers.get(timeout=timeout_s)
        except Empty as error:
            raise TimeoutError(f"no answer to command {command.id} in {timeout_s:g} s") from error
        finally:
            with self._lock:
                self._callers.pop(command.id, None)

    def answer(self, producer: str, reply: Reply) -> None:
        """Called by the stepping thread with the answer to a command entry of `producer`."""
        self.answered += 1
        if producer == BY_MQTT:
            self._on_mqtt_reply(reply)
        elif producer == BY_INBOX:
            self._answers.put(reply)
        else:
            with self._lock:
                caller = self._callers.get(reply.id)
            if caller is not None:
                caller.put(reply)

    # --- the inbox's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(INBOX_POLL_NS / SECOND_NS):
            self._write_answers()
            try:
                commands = self._inbox.poll()
            except LogError as error:
                self._on_trouble("inbox", str(error))
                self._stopping.wait(1.0)
                continue
            for command in commands:
                self._take(command)

    def _take(self, command: Command) -> None:
        def logged(outcome: object) -> None:
            if isinstance(outcome, LifelineError):
                self._refuse(command, outcome)

        try:
            self.submit(command, BY_INBOX).add_done_callback(logged)
        except LifelineError as error:
            self._refuse(command, error)

    def _refuse(self, command: Command, error: LifelineError) -> None:
        if isinstance(error, LogClosed):
            return  # it stays in the inbox for the next start
        reason = f"the log did not take the command: {error}"
        self._answers.put(Reply(command.id, "refused", reason, command.site, command.alarm))

    def _write_answers(self) -> None:
        try:
            while True:
                reply = self._answers.get_nowait()
                try:
                    self._inbox.reply(reply)
                except LogError as error:
                    self._answers.put(reply)
                    self._on_trouble("inbox", str(error))
                    return
        except Empty:
            return
