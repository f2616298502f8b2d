"""Dead letters tried again, inside the process that owns the log: a thread that does what other
processes ask for (see `log.requests`).

A payload of MQTT is decoded by the sources of now; what it says goes into the log in the commit in
which its letter ends. A line that a server refused is sent to it again; its letter ends when the
server has it. What is refused again stays, with the new reason. Live telemetry and outputs are not
touched: this has a connection of its own, and the log's writer takes its work in turn.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from ..clock import Clock
from ..configuration import Configuration
from ..errors import LifelineError, LogError, SpecError
from ..limits import INBOX_POLL_NS, SECOND_NS
from ..log import Bury, KeptLetter, LettersGone, LogClosed, LogStore, Outcome, Requests, Retry
from ..log.dead_letters import Settlement
from ..outputs.influx_again import AWAY, CUT, LineRetry, is_line, kept_form, line_of
from ..outputs.influx_http import InfluxSender
from ..outputs.influx_retry import Refused
from ..outputs.influx_target import InfluxTarget
from ..source import SourceSpec
from .again import CUT as PAYLOAD_CUT
from .again import PART_ALONE, AgainDecoder, Read

#: Letters of one commit, and of one word of progress: some 10 ms of the log's writer.
AT_ONCE: Final = 200
#: The log refuses; the letters stay as they are.
LOG_REFUSES: Final = "log_refuses"
#: Lines, and no InfluxDB among the outputs, or its credential cannot be read.
NO_OUTPUT: Final = "no_output"
#: Payloads, and this process takes no telemetry.
NO_SOURCES: Final = "no_sources"
# A commit that takes longer hangs in the disk.
_COMMIT_S: Final = 30.0
_ATTEMPTS: Final = 5


class Retrier:
    """Does requests one after the other. `become` says by what; before it nothing is begun.

    on_trouble   kind and text of what an operator must hear
    """

    def __init__(
        self,
        store: LogStore,
        requests: Requests,
        clock: Clock,
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._requests = requests
        self._clock = clock
        self._on_trouble = on_trouble
        self._lock = threading.Lock()
        self._sources: Sequence[SourceSpec] = ()
        self._configuration: Configuration | None = None
        self._target: InfluxTarget | None = None
        self._stopping = threading.Event()
        self.counters: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="lifeline-letters", daemon=True)

    def become(
        self,
        sources: Sequence[SourceSpec],
        configuration: Configuration | None,
        target: InfluxTarget | None,
    ) -> None:
        """What letters are tried by from now on: sources and the configuration in force, the
        InfluxDB. The log has this configuration."""
        with self._lock:
            self._sources, self._configuration = tuple(sources), configuration
            self._target = target

    def start(self) -> None:
        """Begins to look for requests."""
        self._thread.start()

    def close(self) -> None:
        """Ends between two commits; what is not done is gone on with after the next start."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._requests.close()

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(INBOX_POLL_NS / SECOND_NS):
            try:
                for request in self._requests.poll():
                    self.do(request)
            except LogClosed:
                return
            except LifelineError as error:
                self._on_trouble("letters", str(error))
                self._stopping.wait(1.0)

    def do(self, request: Retry | Bury) -> Outcome:
        """Does one request, or as much of it as there is time for."""
        if isinstance(request, Bury):
            return self._bury(request)
        letters = tuple(dict.fromkeys(request.letters))
        outcome = self._requests.answer(request.id) or Outcome(request.id, total=len(letters))
        job = self._job(outcome)
        try:
            for start in range(outcome.tried, len(letters), AT_ONCE):
                if self._stopping.is_set():
                    return outcome
                job.some(letters[start : start + AT_ONCE])
                self._requests.tell(outcome)
        finally:
            job.close()
        outcome.done = True
        self._requests.tell(outcome)
        self.counters["letters_taken"] += outcome.taken
        self.counters["letters_refused"] += sum(outcome.refused.values())
        return outcome

    def _bury(self, request: Bury) -> Outcome:
        self._store.dead_letters_of(request.letters).wait(_COMMIT_S)
        outcome = Outcome(request.id, done=True, total=len(request.letters))
        self._requests.tell(outcome)
        return outcome

    def _job(self, outcome: Outcome) -> _Job:
        with self._lock:
            sources, configuration, target = self._sources, self._configuration, self._target
        return _Job(
            self._store, self._clock, self._stopping, outcome, sources, configuration, target
        )


class _Job:
    """One request under way, by sources, configuration and target of its begin."""

    def __init__(
        self,
        store: LogStore,
        clock: Clock,
        stopping: threading.Event,
        outcome: Outcome,
        sources: Sequence[SourceSpec],
        configuration: Configuration | None,
        target: InfluxTarget | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._stopping = stopping
        self._outcome = outcome
        self._sources, self._configuration = sources, configuration
        self._target = target
        self._decoder: AgainDecoder | None = None
        self._sender: InfluxSender | None = None
        self._lines_stopped = ""

    def close(self) -> None:
        """Closes the connection."""
        if self._sender is not None:
            self._sender.close()

    def some(self, ids: Sequence[int]) -> None:
        """Tries these letters and settles them."""
        letters = self._store.letters_of(ids)
        lines = [letter for letter in letters if is_line(letter.topic)]
        self._outcome.gone += len(ids) - len(letters)
        self._payloads([letter for letter in letters if not is_line(letter.topic)])
        self._lines(lines)

    # --- payloads --------------------------------------------------------------------------------

    def _payloads(self, letters: list[KeptLetter]) -> None:
        if not letters:
            return
        try:
            decoder = self._reader()
        except SpecError as error:
            self._leave(letters, NO_SOURCES, str(error))
            return
        if decoder is None:
            self._leave(letters, NO_SOURCES, "no source is configured here")
            return
        read = [(letter, decoder.read(letter)) for letter in letters]
        for _ in range(_ATTEMPTS):
            settlement = _settlement(read)
            entries = [entry for _, each in read for entry in each.entries]
            try:
                self._store.settle_dead_letters(settlement, entries).wait(_COMMIT_S)
            except LettersGone:
                read = self._still_there(read)
                continue
            except (LogError, TimeoutError) as error:
                self._leave(letters, LOG_REFUSES, str(error))
                return
            self._account(read)
            return
        self._leave([letter for letter, _ in read], LOG_REFUSES, "others take them at this moment")

    def _reader(self) -> AgainDecoder | None:
        if self._decoder is None and self._sources and self._configuration is not None:
            self._decoder = AgainDecoder(self._sources, self._configuration)
        return self._decoder

    def _still_there(self, read: list[tuple[KeptLetter, Read]]) -> list[tuple[KeptLetter, Read]]:
        there = {letter.id for letter in self._store.letters_of([x.id for x, _ in read])}
        self._outcome.gone += len(read) - len(there)
        return [(letter, each) for letter, each in read if letter.id in there]

    def _account(self, read: Iterable[tuple[KeptLetter, Read]]) -> None:
        for letter, each in read:
            if not each.reason:
                self._outcome.taken += 1
                self._outcome.samples += each.samples
                self._outcome.parts += bool(each.parts)
                for key, n in each.unknown.items():
                    with suppress(LogError):  # a count of what is dropped, as live
                        self._store.count_unknown("sensor", key, n)
            elif each.reason in (PAYLOAD_CUT, PART_ALONE):
                self._outcome.leave(letter.id, each.reason, each.words)
            else:
                self._outcome.refuse(letter.id, each.reason, each.words)

    # --- lines -----------------------------------------------------------------------------------

    def _lines(self, letters: list[KeptLetter]) -> None:
        whole = [(letter, line_of(letter.payload)) for letter in letters]
        cut = [letter for letter, line in whole if line is None]
        self._leave(cut, CUT, "only the beginning of the line was kept")
        pairs = [(letter, line) for letter, line in whole if line is not None]
        if not pairs:
            return
        letters = [letter for letter, _ in pairs]
        if self._target is None:
            self._leave(letters, NO_OUTPUT, "no InfluxDB is configured here")
            return
        if self._lines_stopped:
            self._leave(letters, AWAY, self._lines_stopped)
            return
        try:
            self._sender = self._sender or InfluxSender(self._target, self._clock)
        except SpecError as error:
            self._leave(letters, NO_OUTPUT, str(error))
            return
        retry = LineRetry(self._sender.send, self._clock, self._stopping.wait)
        tried = retry.lines([line for _, line in pairs])
        self._lines_stopped = tried.stopped
        self._settle_lines(letters, tried.answers)

    def _settle_lines(self, letters: list[KeptLetter], answers: Sequence[Refused | None]) -> None:
        taken = [x.id for x, answer in zip(letters, answers, strict=False) if answer is None]
        refused = [
            (letter, answer)
            for letter, answer in zip(letters, answers, strict=False)
            if answer is not None
        ]
        changed: list[tuple[int, str, bytes | None]] = [
            (letter.id, answer.reason, kept_form(answer)) for letter, answer in refused
        ]
        try:
            self._end_lines(taken, changed)
        except (LogError, TimeoutError) as error:
            self._leave(letters, LOG_REFUSES, str(error))
            return
        self._outcome.taken += len(taken)
        for letter, answer in refused:
            self._outcome.refuse(letter.id, answer.reason, answer.answer.text)
        self._leave(letters[len(answers) :], AWAY, self._lines_stopped)

    def _end_lines(self, taken: list[int], changed: list[tuple[int, str, bytes | None]]) -> None:
        """What the server has is durable; a letter that went meanwhile is no loss."""
        for attempt in range(_ATTEMPTS):
            there = [letter.id for letter in self._store.letters_of(taken)]
            try:
                self._store.settle_dead_letters(Settlement(there, changed)).wait(_COMMIT_S)
                return
            except LettersGone:
                if attempt == _ATTEMPTS - 1:
                    raise

    def _leave(self, letters: Iterable[KeptLetter], reason: str, words: str) -> None:
        for letter in letters:
            self._outcome.leave(letter.id, reason, words)


def _settlement(read: Iterable[tuple[KeptLetter, Read]]) -> Settlement:
    pairs = list(read)
    return Settlement(
        gone=[letter.id for letter, each in pairs if not each.reason],
        changed=[
            (letter.id, each.reason, None)
            for letter, each in pairs
            if each.reason not in ("", PAYLOAD_CUT, PART_ALONE, letter.reason)
        ],
        parts=[part for _, each in pairs for part in each.parts],
    )
