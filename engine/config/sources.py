"""Compiles sources of the file into `SourceSpec`, and the tag list into their routes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..configuration import Sensor, Site
from ..errors import SpecError
from ..payload.layout import layout_of
from ..source import (
    BrokerSpec,
    Route,
    SourceSpec,
    Template,
    TopicPattern,
    split_path,
)
from .cells import Tag, Tags
from .document import Document, Steps
from .models import Payload, SourceModel
from .nearest import listed, nearest
from .problems import Problems, quoted
from .transport import payload_spec

#: Stands between site and sensor in a key where the source names the site by a template.
_BETWEEN: Final = "/"
_WHOLE_TOPIC: Final = "{topic}"


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source, checked: what its topics and templates come to.

    `key` is the template of `Route.key`; `site` the one site it serves, "" where rows say;
    `by_site` says that keys begin with the site's id.
    """

    where: str
    model: SourceModel
    patterns: tuple[TopicPattern, ...]
    key: Template
    site: str
    by_site: bool

    def reachable(self) -> re.Pattern[str]:
        """What every key looks like that a topic can give; anything where the payload decides."""
        if self.key.needs_payload:
            return re.compile(".*", re.DOTALL)
        forms = (
            "".join(_part(kind, text, pattern) for kind, text in self.key.parts)
            for pattern in self.patterns
        )
        return re.compile("|".join(forms), re.DOTALL)


def _part(kind: str, text: str, pattern: TopicPattern) -> str:
    if kind == "text":
        return re.escape(text)
    if text != "topic":
        return "[^/]+"
    body = re.escape(pattern.filter).replace(r"\+", "[^/]*")
    return body.removesuffix("/\\#") + "(?:/.*)?" if body.endswith("/\\#") else body


def planned(
    model: SourceModel,
    document: Document,
    at: Steps,
    sites: Sequence[str],
    problems: Problems,
) -> SourcePlan | None:
    """A source whose topics, templates and paths make sense, or None; mistakes go to `problems`."""
    before = problems.errors
    patterns = _patterns(model, document, at, problems)
    written = model.payload.sensor or _WHOLE_TOPIC
    key_at = (*at, "payload", "sensor")
    site = model.site
    by_site = "{" in site
    if by_site and model.payload.sensor is None and model.payload.shape == "wide":
        # The site alone names the message, and the fields name the sensors.
        written, site, by_site = model.site, "", False
    elif by_site:
        written, site = f"{model.site}{_BETWEEN}{written}", ""
    elif site and site not in sites:
        problems.error(
            document.where((*at, "site")),
            "unknown site",
            found=quoted(site),
            expected=listed(sites),
            nearest=nearest(site, sites),
        )
    key = _template(written, document.where(key_at), patterns, problems)
    _check_paths(model.payload, document, (*at, "payload"), problems)
    if problems.errors > before or key is None:
        return None
    return SourcePlan(document.where((*at, "payload")), model, patterns, key, site, by_site)


def _patterns(
    model: SourceModel, document: Document, at: Steps, problems: Problems
) -> tuple[TopicPattern, ...]:
    found = []
    for i, text in enumerate(model.topics):
        where = document.where((*at, "topics", i))
        try:
            found.append(TopicPattern(text))
        except SpecError as error:
            problems.refused(where, error)
        if text in model.topics[:i]:
            problems.error(where, "the topic stands twice", found=quoted(text))
    return tuple(found)


def _template(
    text: str, where: str, patterns: Sequence[TopicPattern], problems: Problems
) -> Template | None:
    try:
        template = Template(text)
    except SpecError as error:
        problems.refused(where, error)
        return None
    for pattern in patterns:
        for name in sorted(template.topic_names - set(pattern.names)):
            valid = [*pattern.names, "topic"]
            problems.error(
                where,
                f"the topic {pattern.text} has no part of this name",
                found=f"'{{{name}}}'",
                expected=listed([f"{{{word}}}" for word in valid]),
                nearest=tuple(f"{{{word}}}" for word in nearest(name, valid)),
            )
    return template


def _check_paths(payload: Payload, document: Document, at: Steps, problems: Problems) -> None:
    paths: list[tuple[Steps, str | None]] = [
        (("points",), payload.points),
        (("value",), payload.value),
        (("fields",), payload.fields),
        (("time", "path"), payload.time.path or None),
    ]
    if payload.quality is not None:
        paths.append((("quality", "path"), payload.quality.path))
    for steps, path in paths:
        if path is None or path == "$":
            continue
        try:
            split_path(path.removeprefix("$."))
        except SpecError as error:
            problems.refused(document.where((*at, *steps)), error)


def compiled(
    plan: SourcePlan,
    broker: BrokerSpec,
    tags: Tags,
    rows: Sequence[int],
    sites: Sequence[Site],
    problems: Problems,
) -> SourceSpec:
    """The SourceSpec of a plan and of the rows of the tag list that name it."""
    tenants = {sites[tags.sensors[row].site].tenant for row in rows}
    spec = SourceSpec(
        id=plan.model.id,
        tenant=tenants.pop() if len(tenants) == 1 else "",
        broker=broker,
        topics=tuple(plan.model.topics),
        payload=payload_spec(plan.model.payload),
        routes=_routes(plan, tags, rows, sites, problems),
        key=plan.key.text,
        qos=plan.model.qos,
        exercise=plan.model.exercise,
    )
    _check_worlds(plan, tags, rows, sites, problems)
    try:
        layout_of(spec)  # what the decoder itself would refuse at its start
    except SpecError as error:
        problems.refused(plan.where, error)
    return spec


def _check_worlds(
    plan: SourcePlan, tags: Tags, rows: Sequence[int], sites: Sequence[Site], problems: Problems
) -> None:
    """A drill's source feeds drills, every other one actual sites; told once for each site."""
    told: set[str] = set()
    for row in rows:
        site = sites[tags.sensors[row].site]
        if site.exercise == plan.model.exercise or site.id in told:
            continue
        told.add(site.id)
        if site.exercise:
            message = f"site {site.id} is a drill, and source {plan.model.id} is not"
        else:
            message = f"source {plan.model.id} is a drill's, and site {site.id} is not"
        problems.error(
            tags.tags[row].where,
            message,
            expected="exercise: true at both or at neither: nothing passes between a drill and what is",
        )


def _routes(
    plan: SourcePlan, tags: Tags, rows: Sequence[int], sites: Sequence[Site], problems: Problems
) -> tuple[Route, ...]:
    taken: dict[tuple[str, str], Tag] = {}
    reachable = plan.reachable()
    routes: list[Route] = []
    for row in rows:
        tag, sensor = tags.tags[row], tags.sensors[row]
        site = sites[sensor.site]
        key, path = _place(plan, tag, sensor, site.id)
        first = taken.setdefault((key, path), tag)
        if first is not tag:
            problems.error(
                tag.where,
                "two sensors are read from the same place",
                found=_spoken(plan, key, path),
                expected=f"a topic or field of its own; the first is at {first.where}",
            )
            continue
        if reachable.fullmatch(key) is None:
            _unreached(plan, tag, key, problems)
        measure = tag.measure
        routes.append(
            Route(
                key=key,
                site=site.id,
                sensor=sensor.id,
                field=path,
                scale=measure.scale,
                offset=measure.offset,
                boolean=measure.quantity.unit == "bool",
            )
        )
    return tuple(routes)


def _place(plan: SourcePlan, tag: Tag, sensor: Sensor, site: str) -> tuple[str, str]:
    """(key, field) under which a sensor's values arrive.

    An empty topic means the sensor's id; in the wide form, where the id is the field, it means the
    source's topic if that is one only, else the site's id.
    """
    wide = plan.model.payload.shape == "wide"
    path = (tag.field or sensor.id.replace(".", "\\.")) if wide else ""
    key = tag.topic or (_shared_key(plan, site) if wide else sensor.id)
    return (f"{site}{_BETWEEN}{key}" if plan.by_site else key), path


def _shared_key(plan: SourcePlan, site: str) -> str:
    (topic, *others) = (pattern.text for pattern in plan.patterns)
    constant = not others and topic == plan.patterns[0].filter and not set(topic) & set("+#")
    return topic if constant and plan.key.text.endswith(_WHOLE_TOPIC) else site


def _spoken(plan: SourcePlan, key: str, path: str) -> str:
    return f"{quoted(key)}, field {quoted(path)}" if path else quoted(key)


def _unreached(plan: SourcePlan, tag: Tag, key: str, problems: Problems) -> None:
    problems.warning(
        tag.where,
        f"no topic of source {plan.model.id} reaches the sensor",
        found=quoted(key),
        expected=f"what {plan.key.text} gives for {listed(list(plan.model.topics))}",
        nearest=_meant(plan.model.payload),
    )


def _meant(payload: Payload) -> tuple[str, ...]:
    """The template that a plain word may have been meant to be: the name of a field."""
    word = payload.sensor or "{"
    return () if "{" in word else (f"{{payload.{word}}}",)


def by_source(tags: Tags) -> Mapping[str, list[int]]:
    """The rows that name each source."""
    rows: dict[str, list[int]] = {}
    for row, tag in enumerate(tags.tags):
        rows.setdefault(tag.source, []).append(row)
    return rows
