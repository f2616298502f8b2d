"""From the files to a Plant; every mistake on the way goes to one collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..configuration import Configuration, Link, Sensor, Site
from ..quantities import load_catalogue
from ..rule import Rule, Select
from ..source import BrokerSpec, SourceSpec
from .alarm_rules import check_alarm_rules
from .areas import AreaReader
from .authored import RESERVED_PREFIXES, RESERVED_SITES, absolute
from .cells import Places, Tags
from .cluster_models import cluster_spec
from .document import Document, read_document
from .doubtful import Doubtful
from .models import LifelineFile, Outputs, Storage, StoreModel
from .plant import InfluxSpec, MonitoringSpec, OutputsSpec, Plant, StorageSpec, StoreSpec
from .problems import Problems, quoted
from .rules_loading import AuthorKind, RuleLoader, author_kinds
from .sections import read_sections
from .selection import Selector
from .sources import SourcePlan, by_source, compiled, planned
from .table import read_table
from .tags import TagReader
from .transport import broker_spec
from .written_rules import written_rules

#: Rules that the engine adds for every sensor, by kind.
OWN_RULES: Final = ("stale", "clock")


@dataclass(frozen=True, slots=True)
class Built:
    """What came of the files: the plant, and the file's model for further checks."""

    plant: Plant
    model: LifelineFile
    document: Document


class Builder:
    """Builds one plant; what has a mistake is left out, and the rest is checked all the same."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.problems = problems
        self.doubtful = Doubtful()

    def build(self) -> Built | None:
        """The plant, complete only if `problems` has no errors; None where nothing can be said."""
        document = read_document(self.path, self.problems)
        if document is None:
            return None
        sections = read_sections(document, self.doubtful, self.problems)
        if sections is None:
            return None
        model, positions = sections
        sites = self._sites(model, document, positions["sites"])
        plans = self._plans(model, document, positions["sources"], sites)
        tags = self._tags(model, document, sites, plans)
        rules = self._rules(model, document, sites, tags.sensors)
        plant = Plant(
            node=model.node,
            configuration=Configuration(
                sites=tuple(sites),
                links=tuple(_link(site, plans[source]) for site, source in tags.links),
                sensors=tuple(tags.sensors),
                rules=tuple(rules),
            ),
            sources=tuple(self._sources(model, document, plans, tags, sites)),
            outputs=self._outputs(model),
            storage=self._storage(model),
            timezones={site.id: site.timezone for site in model.sites if site.timezone},
            positions={site.id: site.position for site in model.sites if site.position},
            cluster=None
            if model.cluster is None
            else cluster_spec(model.cluster, self.path.parent),
            monitoring=None
            if model.monitoring is None
            else MonitoringSpec(model.monitoring.host, model.monitoring.port),
            areas=AreaReader(document, sites, rules, self.doubtful, self.problems).read(
                model.areas
            ),
        )
        return Built(plant, model, document)

    def _sites(self, model: LifelineFile, document: Document, at: Sequence[int]) -> list[Site]:
        found: dict[str, Site] = {}
        for i, site in zip(at, model.sites, strict=True):
            where = document.where(("sites", i, "id"))
            tenant = site.tenant or model.tenant
            if site.id in found:
                self.problems.error(where, "the site stands twice", found=quoted(site.id))
                continue
            if site.id in RESERVED_SITES or site.id.startswith(RESERVED_PREFIXES):
                self.problems.error(where, "the site id is the engine's own", found=quoted(site.id))
            if tenant is None and "tenant" not in self.doubtful.keys:
                self.problems.error(
                    where,
                    "the site has no tenant",
                    found=quoted(site.id),
                    expected="'tenant' here or at the top of the file",
                )
            found[site.id] = Site(
                id=site.id,
                tenant=tenant or "",
                area=site.area,
                name=site.name,
                lat=site.lat,
                lon=site.lon,
            )
        return list(found.values())

    def _plans(
        self, model: LifelineFile, document: Document, at: Sequence[int], sites: Sequence[Site]
    ) -> dict[str, SourcePlan]:
        found: dict[str, SourcePlan] = {}
        ids = [site.id for site in sites] + sorted(self.doubtful.sites)
        for i, source in zip(at, model.sources, strict=True):
            if source.id in found:
                self.problems.error(
                    document.where(("sources", i, "id")),
                    "the source stands twice",
                    found=quoted(source.id),
                )
                continue
            plan = planned(source, document, ("sources", i), ids, self.problems)
            if plan is None:
                self.doubtful.sources.add(source.id)
            else:
                found[source.id] = plan
        return found

    def _tags(
        self,
        model: LifelineFile,
        document: Document,
        sites: Sequence[Site],
        plans: Mapping[str, SourcePlan],
    ) -> Tags:
        places = Places(
            sites=sites,
            site_at={site.id: i for i, site in enumerate(sites)},
            sources={name: plan.site for name, plan in plans.items()},
            doubtful=self.doubtful,
        )
        reader = TagReader(places, self.problems)
        for i, listed_file in enumerate(model.sensors):
            path = self.path.parent / listed_file.file
            if not path.is_file():
                self.problems.error(
                    document.where(("sensors", i)),
                    "no such tag list",
                    found=quoted(listed_file.file),
                    expected="a file beside this one",
                )
                self.doubtful.tables = True
                continue
            table = read_table(path, self.problems)
            if table is None:
                self.doubtful.tables = True
                continue
            reader.read(table, listed_file.site, listed_file.source)
        reader.tell_gaps()
        return reader.found

    def _rules(
        self,
        model: LifelineFile,
        document: Document,
        sites: Sequence[Site],
        sensors: Sequence[Sensor],
    ) -> list[Rule]:
        kinds = author_kinds()
        selector = Selector(sites, sensors)
        loader = RuleLoader(kinds, sites, selector, self.doubtful, self.problems)
        for written in written_rules(document, self.problems):
            loader.read(written)
        rules = [*_own_rules(model, loader.rules, kinds), *loader.rules]
        check_alarm_rules(
            rules, kinds, loader.where, (sites, sensors), self.doubtful, self.problems
        )
        return rules

    def _sources(
        self,
        model: LifelineFile,
        document: Document,
        plans: Mapping[str, SourcePlan],
        tags: Tags,
        sites: Sequence[Site],
    ) -> list[SourceSpec]:
        rows = by_source(tags)
        found = []
        for source_id, plan in plans.items():
            broker = plan.model.broker or model.broker
            if broker is None and "broker" in self.doubtful.keys:
                continue
            if broker is None:
                i = next(i for i, source in enumerate(model.sources) if source is plan.model)
                self.problems.error(
                    document.where(("sources", i), key=True),
                    "the source has no broker",
                    found=quoted(source_id),
                    expected="'broker' here or at the top of the file",
                )
                continue
            spec = broker_spec(broker, self.path.parent)
            mine = rows.get(source_id, [])
            found.append(compiled(plan, spec, tags, mine, sites, self.problems))
        return found

    def _outputs(self, model: LifelineFile) -> OutputsSpec:
        outputs = model.outputs or Outputs()
        base = self.path.parent
        mqtt: BrokerSpec | None = None
        if outputs.mqtt is not None or model.outputs is None:
            broker = (outputs.mqtt.broker if outputs.mqtt is not None else None) or model.broker
            mqtt = None if broker is None else broker_spec(broker, base)
        influx = outputs.influx
        return OutputsSpec(
            mqtt=mqtt,
            influx=None
            if influx is None
            else InfluxSpec(
                url=influx.url.rstrip("/"),
                org=influx.org,
                bucket=influx.bucket,
                token_file=absolute(base, influx.token_file),
                token_env=influx.token_env,
                ca_file=absolute(base, influx.ca_file),
                database=influx.database,
                retention_policy=influx.retention_policy,
                username=influx.username,
                password_file=absolute(base, influx.password_file),
                password_env=influx.password_env,
                max_series=influx.max_series,
            ),
            store=None if outputs.store is None else self._store(outputs.store, model.storage),
        )

    def _store(self, store: StoreModel, storage: Storage) -> StoreSpec:
        return StoreSpec(
            path=(self.path.parent / storage.directory).resolve() / store.file,
            raw_ns=store.retention.raw,
            minutes_ns=store.retention.minute,
            hours_ns=store.retention.hour,
            max_bytes=store.size,
            memory_bytes=store.memory,
            threads=store.threads,
        )

    def _storage(self, model: LifelineFile) -> StorageSpec:
        storage = model.storage
        return StorageSpec(
            directory=(self.path.parent / storage.directory).resolve(),
            retention_ns=storage.retention.age,
            max_bytes=storage.retention.size,
        )


def _link(site: int, plan: SourcePlan) -> Link:
    source = plan.model
    return Link(
        site=site,
        source=source.id,
        grace=source.grace,
        reorder=source.reorder,
        heartbeat=source.heartbeat,
    )


def _own_rules(
    model: LifelineFile, rules: Sequence[Rule], kinds: Mapping[str, AuthorKind]
) -> list[Rule]:
    """`engine.stale` and `engine.clock`, unless switched off or the file judges every sensor so."""
    found = []
    for name in OWN_RULES:
        switched_on = getattr(model.defaults, name) == "on"
        replaced = any(
            rule.id == f"engine.{name}" or (rule.kind == name and rule.select == Select())
            for rule in rules
        )
        if switched_on and not replaced and name in kinds:
            found.append(_own_rule(kinds[name]))
    return found


def _own_rule(kind: AuthorKind) -> Rule:
    """The engine's own rule of a kind that is the same for every quantity."""
    written = kind.author_model.model_validate(
        {"id": f"engine.{kind.name}", "kind": kind.name, "select": {}}
    )
    any_quantity = next(iter(load_catalogue().values()))
    judgement = kind.compile(written, any_quantity, "")
    return Rule(id=written.id, kind=kind.name, select=Select(), judgements=(judgement,))
