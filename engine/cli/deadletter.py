"""`lifeline deadletter`: what could not be read or written, looked at and tried again."""

from __future__ import annotations

import os
import time as time_module
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import LogError, SinkError, SpecError
from .console import JsonOption, LangOption, language, print_json, progress, stderr, stdout
from .exits import ExitCode
from .plant_files import (
    DEFAULT_CONFIG,
    ConfigOption,
    DataOption,
    on_cluster,
    storage_directory,
)
from .times import moment

if TYPE_CHECKING:
    from ..log import KeptLetter, LogReader, Outcome
    from ..outputs.text import Language

_PAGE: Final = 500
_SHOWN: Final = 96  # characters of a payload that a line shows
_POLL_S: Final = 0.1
# An engine that has said nothing for so long does not do it: a server that is away takes 20 s.
_SILENCE_S: Final = 60.0

app = typer.Typer(
    name="deadletter",
    no_args_is_help=True,
    help="Messages that could not be read and lines that a server refused: look, try again.",
)

TopicOption = Annotated[
    str, typer.Option(metavar="GLOB", help="Only of topics like this, such as 'gas/*'.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="REASON", help="Only of this reason.")
]
SinceOption = Annotated[
    str, typer.Option(metavar="TIME", help="Only since then: a time with an offset, or 2h ago.")
]


@app.command("list")
def list_letters(
    topic: TopicOption = "",
    reason: ReasonOption = "",
    since: SinceOption = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The last N.")] = 50,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them whole to a file, one JSON object a line."),
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """What could not be read or written, the newest last.

    Beside a running engine or without one; changes nothing. A letter is a message of MQTT that could not be read, or a line that InfluxDB refused,
    with the server's words. The last 10,000 are kept, of each the first 4 KB.

    \b
    lifeline deadletter list
    lifeline deadletter list --reason value_not_a_number --since 2h --json
    lifeline deadletter list --topic 'series:*' --limit 10000 --export refused.jsonl

    On a cluster it shows what could not be taken here by an agent or a sink, and what workers put
    aside (topic <prefix>.deadletters).
    """
    wanted = _Wanted(topic, reason, moment(since) if since else 0)
    speech = language(lang)
    found: list[tuple[str, KeptLetter]] = []
    counts: Counter[str] = Counter()
    for name, reader in _opened(config, data):
        with closing(reader):
            found += [(name, letter) for letter in _letters(reader, wanted, limit)]
            counts.update(reader.dead_letter_counts())
    if data is None:
        found += _of_workers(config, wanted, limit)
    if export is not None:
        _export(export, found)
        words = "已导出 {} 条到 {}" if speech == "zh" else "{} dead letters written to {}"
        stderr().print(words.format(len(found), export))
    elif as_json:
        for name, letter in found:
            print_json(_document(name, letter))
    else:
        _print(found, counts, speech)


@app.command("retry")
def retry(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers from `list`.")
    ] = None,
    topic: TopicOption = "",
    reason: ReasonOption = "",
    since: SinceOption = "",
    everything: Annotated[bool, typer.Option("--all", help="All that are kept.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """Try dead letters again, by the engine that runs here.

    A message is decoded by the sources that the engine runs with now (SIGHUP reads changed files), and what it says goes into the log as received when it was: it is stored,
    and judged as late or historic. A line is sent to InfluxDB again. What is taken leaves the table, in one commit with what it has become; what is refused
    again stays, with the new reason.

    \b
    lifeline deadletter retry 17 18
    lifeline deadletter retry --reason value_not_a_number
    lifeline deadletter retry --all

    Where no engine runs the request waits for its next start. Exit code 1 where something was
    refused again or left, 3 where no engine answers.
    """
    if not (ids or topic or reason or since or everything):
        raise SpecError("which ones?", expected="numbers, --reason, --topic, --since or --all")
    wanted = _Wanted(topic, reason, moment(since) if since else 0, frozenset(ids or ()))
    bad = 0
    for name, reader in _opened(config, data):
        with closing(reader):
            chosen = [letter.id for letter in _letters(reader, wanted, None)]
            directory = reader.path.parent
        if not chosen:
            _say_none(name, as_json, lang)
            continue
        outcome = _asked(directory, chosen)
        bad += sum(outcome.refused.values()) + sum(outcome.left.values())
        if as_json:
            print_json({"store": name, **_builtins(outcome)})
        else:
            _tell(name, outcome, language(lang))
    if bad:
        raise typer.Exit(ExitCode.FOUND)


# --- which ones ------------------------------------------------------------------------------------


class _Wanted:
    """What the options choose."""

    def __init__(
        self, topic: str, reason: str, since: int, ids: frozenset[int] = frozenset()
    ) -> None:
        self._topic, self._reason, self._since, self._ids = topic, reason, since, ids

    def __call__(self, letter: KeptLetter) -> bool:
        return (
            (not self._ids or letter.id in self._ids)
            and (not self._topic or fnmatchcase(letter.topic, self._topic))
            and (not self._reason or letter.reason == self._reason)
            and letter.time >= self._since
        )


def _opened(config: Path, data: Path | None) -> Iterator[tuple[str, LogReader]]:
    """The logs that may hold letters, by a name that is "" for an engine's own: of a cluster those
    that an agent or a sink keeps on this machine."""
    from ..log import LogReader

    directory = data if data is not None else storage_directory(config)
    folders = [directory, *sorted(directory.glob("sink-*")), directory / "agent"]
    found = [d for d in folders if (d / "log.db").is_file()]
    if not found and (data is not None or not on_cluster(config)):
        raise LogError(
            f"no log in {directory}: has the engine of this plant run yet? "
            "Name the plant's file with --config or the directory with --data"
        )
    for folder in found:
        yield "" if folder == directory else folder.name, LogReader.open(folder)


def _letters(reader: LogReader, wanted: _Wanted, limit: int | None) -> list[KeptLetter]:
    """The last `limit` letters that are wanted, the oldest first."""
    found: list[KeptLetter] = []
    after = 0
    while page := reader.kept_letters(after, _PAGE):
        after = page[-1].id
        found += filter(wanted, page)
        found = found if limit is None else found[-limit:]
    return found


def _of_workers(config: Path, wanted: _Wanted, limit: int) -> Iterable[tuple[str, KeptLetter]]:
    from .plant_files import cluster_of

    spec = cluster_of(config, None) if config.exists() else None
    if spec is None:
        return []
    from ..cluster.dead_letters import worker_letters

    letters = filter(wanted, worker_letters(spec))
    return [("workers", letter) for letter in letters][-limit:]


# --- asking the engine -----------------------------------------------------------------------------


def _asked(directory: Path, ids: list[int]) -> Outcome:
    """Leaves the request, and shows how the engine gets on with it.

    Raises SinkError where none runs or it says nothing; the request stays.
    """
    from uuid import uuid4

    from ..log import Requests, Retry
    from ..log.lock import holder

    request = Retry(f"cli-{uuid4().hex}", tuple(ids))
    requests = Requests(directory)
    try:
        requests.submit(request)
        if holder(directory) is None:
            raise SinkError(
                f"no engine runs on {directory}: {len(ids)} dead letters will be tried at its next "
                "start (lifeline run)"
            )
        return _followed(requests, request)
    finally:
        requests.close()


def _followed(requests: Any, request: Any) -> Outcome:
    heard, tried = time_module.monotonic(), -1
    with progress("trying again", len(request.letters)) as tell:
        while True:
            outcome: Outcome | None = requests.answer(request.id)
            if outcome is not None and outcome.tried != tried:
                heard, tried = time_module.monotonic(), outcome.tried
                tell(tried)
            if outcome is not None and outcome.done:
                return outcome
            if time_module.monotonic() - heard > _SILENCE_S:
                raise SinkError(
                    f"the engine has said nothing for {_SILENCE_S:g} s; the request waits in its "
                    f"inbox and will still be done (id {request.id}). Look with: lifeline doctor"
                )
            time_module.sleep(_POLL_S)


def _tell(name: str, outcome: Outcome, speech: Language) -> None:
    zh = speech == "zh"
    place = f"{name}: " if name else ""
    refused = ", ".join(f"{reason} {n}" for reason, n in sorted(outcome.refused.items()))
    left = ", ".join(f"{reason} {n}" for reason, n in sorted(outcome.left.items()))
    console = stdout()
    if zh:
        console.print(
            f"{place}重试 {outcome.total} 条：成功 {outcome.taken}（得到 {outcome.samples} 个样本），"
            f"再次被拒 {sum(outcome.refused.values())}，未能尝试 {sum(outcome.left.values())}，"
            f"已不存在 {outcome.gone}"
        )
    else:
        console.print(
            f"{place}{outcome.total} tried again: {outcome.taken} taken ({outcome.samples} samples), "
            f"{sum(outcome.refused.values())} refused again, {sum(outcome.left.values())} left, "
            f"{outcome.gone} not there any more"
        )
    if outcome.parts:
        text = "其中 {} 条只读出一部分" if zh else "of {} a part was refused again"
        console.print("  " + text.format(outcome.parts))
    if refused:
        console.print(("  再次被拒：" if zh else "  refused again: ") + refused)
    if left:
        console.print(("  未能尝试：" if zh else "  left: ") + left)
    for letter, reason, words in outcome.named:
        console.print(f"  {letter}  {reason}  {words}")


def _say_none(name: str, as_json: bool, lang: str) -> None:
    if as_json:
        print_json({"store": name, "total": 0})
    else:
        zh = language(lang) == "zh"
        place = f"{name}: " if name else ""
        stdout().print(place + ("没有这样的死信。" if zh else "No such dead letter."))


# --- printing --------------------------------------------------------------------------------------


def _print(found: list[tuple[str, KeptLetter]], counts: Counter[str], speech: Language) -> None:
    from ..outputs.times import rfc3339

    console = stdout()
    for name, letter in found:
        place = f"{name}  " if name else ""
        excerpt = _text(letter.payload).replace("\n", " ⏎ ")
        short = excerpt if len(excerpt) <= _SHOWN else excerpt[: _SHOWN - 1] + "…"
        console.print(
            f"{place}{letter.id}  {rfc3339(letter.time)}  {letter.topic}  {letter.reason}  "
            f"{letter.size} B  {short}"
        )
    if not found:
        calm = "没有死信。" if speech == "zh" else "No dead letter."
        console.print(calm, style="green")
    if counts:
        ever = "历史累计：" if speech == "zh" else "ever, by reason: "
        console.print(ever + ", ".join(f"{r} {n}" for r, n in sorted(counts.items())))


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace")


def _document(name: str, letter: KeptLetter) -> dict[str, Any]:
    """A letter as JSON: `payload` where it is UTF-8, else `payload_base64`."""
    from base64 import b64encode

    document: dict[str, Any] = letter._asdict() | {"store": name, "cut": letter.cut}
    payload = document.pop("payload")
    try:
        document["payload"] = payload.decode()
    except UnicodeDecodeError:
        document["payload_base64"] = b64encode(payload).decode()
    return document


def _export(path: Path, found: list[tuple[str, KeptLetter]]) -> None:
    """Readable by its owner alone: payloads are a plant's own."""
    import msgspec

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            for name, letter in found:
                file.write(msgspec.json.encode(_document(name, letter)) + b"\n")
    except OSError as error:
        raise SpecError(f"{path} cannot be written: {error.strerror}", found=str(path)) from error


def _builtins(outcome: Outcome) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = {f: getattr(outcome, f) for f in outcome.__struct_fields__}
    return dict(msgspec.to_builtins(found))
