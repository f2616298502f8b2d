"""What a plant is made of: points, gateways, a world that moves, and a script of what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .batch import Batch
from .cause import CauseKind, Happening, Run
from .faults import BENT, SensorFault
from .incidents import Incident
from .sensor import Instrument
from .signals import Signal

Shape = Literal["single", "points", "wide"]
Reports = Literal["periodic", "on_change", "event"]


@dataclass(frozen=True, slots=True)
class Point:
    """One measured point. The world speaks the quantity's canonical unit, the plant its own:
    plant value = canonical value x `gain` + `zero`; `instrument` is in the plant's unit.

    `id` is also its address in topics and payloads, `gateway` an index into the site's, `every`
    the grid steps between two samples, `heartbeat_s` the longest silence of an `on_change` point.
    `max_rate` is the plausible change per time, in canonical unit per second, where the
    catalogue's default does not fit; `stale_s` the silence after which it is stale, where three
    intervals are not it (0). `remembered_s`: for so long a rule of the site judges by what it told
    (a balance's window), right or wrong.
    """

    id: str
    gateway: int
    quantity: str
    unit: str
    asset: str
    name: str
    instrument: Instrument
    every: int = 1
    reports: Reports = "periodic"
    heartbeat_s: float = 0.0
    gain: float = 1.0
    zero: float = 0.0
    gas: str = ""
    max_rate: float | None = None
    stale_s: float = 0.0
    remembered_s: float = 0.0
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """What holds one MQTT connection. `offset_ns` is how long after the grid it samples."""

    name: str
    offset_ns: int


class World(Protocol):
    """The true state of a plant; moves forward only.

    How the grid is cut into calls changes nothing, not by a bit: a live run asks for some tens
    of steps, an offline one for thousands.
    """

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """The true value of every point (by id, canonical unit) at these consecutive grid times."""
        ...


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in one run: the labels, and the world in which it happens.

    `compression` is how many seconds of the world's own process pass in one second of event time:
    1 except where a run tells days in minutes. `happenings` are all that was caused, those without
    a label (maintenance, a festival) too.
    """

    incidents: tuple[Incident, ...]
    faults: tuple[SensorFault, ...]
    world: Callable[[], World]
    compression: float = 1.0
    happenings: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A simulated site: what stands there and how it speaks. Sites are values; runs are `Scenario`s.

    `resolution_ns` is the resolution of its time stamps, `window_ns` the rhythm in which its
    gateways send, `step_ns` the grid of its world; `write_script` makes a run's script: the random
    story, told of the kinds in `causes`. `make_world` makes the world of a run and its causes, those
    that the kinds' `make` gave, in order of onset. `packs` are the takes of packs as the site writes
    them in `lifeline.yaml`, `rules` its own beside them.
    """

    name: str
    id: str
    tenant: str
    area: str
    title: str
    domain: str
    shape: Shape
    lat: float
    lon: float
    step_ns: int
    resolution_ns: int
    window_ns: int
    gateways: tuple[Gateway, ...]
    points: tuple[Point, ...]
    write_script: Callable[[Site, int, float, int, int], Script]
    causes: tuple[CauseKind[Any], ...] = ()
    make_world: Callable[[Site, Run, tuple[Any, ...]], World] | None = None
    packs: tuple[Mapping[str, Any], ...] = ()
    rules: tuple[Mapping[str, Any], ...] = ()
    signals: tuple[Signal, ...] = ()

    def scenario(self, start_ns: int, duration_s: float, seed: int, intensity: int = 1) -> Scenario:
        """A run of `duration_s` seconds of event time from `start_ns`, moved up to a whole second.

        `intensity` is how often the site's story of incidents and faults plays within the run;
        0 is a quiet run, in which nothing may alarm. Equal arguments give equal runs.
        """
        start_ns = -(-start_ns // SECOND_NS) * SECOND_NS
        script = self.write_script(self, start_ns, duration_s, seed, intensity)
        return Scenario(self, start_ns, duration_s, seed, script, duration_s / max(1, intensity))

    def samples(
        self, start_ns: int, duration_s: float, seed: int, *, chunk_s: float = 60.0
    ) -> Iterator[Batch]:
        """The samples of the ordinary run (`intensity` 1), in chunks of event time."""
        return self.scenario(start_ns, duration_s, seed).samples(chunk_s)

    def gap_s(self, point: Point) -> float:
        """Seconds between two samples of a periodic point."""
        return point.every * self.step_ns / SECOND_NS


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of a site: deterministic, and labelled. `story_s` is the length of one story."""

    site: Site
    start_ns: int
    duration_s: float
    seed: int
    script: Script
    story_s: float

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What really happens, in order of onset."""
        return self.script.incidents

    @property
    def faults(self) -> tuple[SensorFault, ...]:
        """What the instruments and networks do wrong, in order of onset."""
        return self.script.faults

    @property
    def labels(self) -> tuple[Incident | SensorFault, ...]:
        """Incidents and faults together, in order of onset."""
        both: list[Incident | SensorFault] = [*self.incidents, *self.faults]
        return tuple(sorted(both, key=lambda x: (x.onset_ns, x.id)))

    @property
    def end_ns(self) -> int:
        """The first event time beyond the run."""
        return self.start_ns + round(self.duration_s * SECOND_NS)

    def seen_until(self, fault: SensorFault) -> int:
        """The event time, within the run, until which an alarm may still be about a fault: values that
        it bent are remembered (`Point.remembered_s`) beyond its end."""
        if fault.kind not in BENT:
            return fault.end_ns
        longest_s = max(p.remembered_s for p in self.site.points if p.id in fault.sensors)
        return max(fault.end_ns, min(self.end_ns, fault.end_ns + round(longest_s * SECOND_NS)))

    def samples(self, chunk_s: float = 60.0, block_steps: int | None = None) -> Iterator[Batch]:
        """All samples in the order in which they are due, cut every `chunk_s`; the cuts change
        nothing, nor does how many grid steps are computed at once. What a gateway buffers beyond
        the run's end comes with the last chunk."""
        from .stream import Stream, offline_steps

        if chunk_s <= 0.0:
            raise ValueError(f"chunk_s must be positive, found {chunk_s}")
        stream = Stream(self, block_steps or offline_steps(self.site))
        until = self.start_ns
        while not stream.exhausted:
            until += round(chunk_s * SECOND_NS)
            batch = stream.take(until)
            if len(batch):
                yield batch
