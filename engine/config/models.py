"""The written form of `lifeline.yaml`, as models. Meaning across parts is checked elsewhere."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ..errors import SpecError
from ..limits import GRACE_NS, HOUR_NS
from ..outputs.influx_room import MAX_SERIES
from ..quality import Quality
from ..source import Fold, MqttVersion, Shape, TimeUnit
from ..store.limits import (
    HOURS_KEPT_NS,
    LEAST_MEMORY_BYTES,
    MAX_BYTES,
    MEMORY_BYTES,
    MINUTES_NS,
    RAW_NS,
)
from .area_models import AreaModel, AreaPath
from .authored import Area, Authored, Duration, Name, OneOrMany, Size, Tls
from .call_models import CallsModel
from .cluster_models import ClusterModel
from .nearest import nearest
from .packs.models import Packs, PacksAnywhere

_DAY: Final = 86_400


@cache
def _zones() -> frozenset[str]:
    """Every IANA name; finding them walks a directory, so it is done once."""
    return frozenset(available_timezones())


def checked_zone(text: Any) -> str:
    """An IANA time zone; raises SpecError with the nearest names."""
    names = _zones()
    if not isinstance(text, str) or text not in names:
        words = {name.rpartition("/")[2]: name for name in sorted(names)}
        close = nearest(str(text), sorted(names)) or tuple(
            words[word] for word in nearest(str(text), words)
        )
        raise SpecError(
            "unknown time zone",
            found=repr(text),
            expected="an IANA name such as Asia/Shanghai",
            nearest=close,
        )
    return text


def checked_quality(text: Any) -> str:
    """The name of a quality; raises SpecError with the nearest names."""
    names = [quality.text for quality in Quality]
    if text not in names:
        raise SpecError(
            "unknown quality",
            found=repr(text),
            expected=", ".join(names),
            nearest=nearest(str(text), names),
        )
    return str(text)


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _named_files(value: Any) -> Any:
    items = _many(value)
    if not isinstance(items, list):
        return items
    return [{"file": item} if isinstance(item, str) else item for item in items]


Zone = Annotated[
    str, BeforeValidator(checked_zone), WithJsonSchema({"type": "string", "examples": ["UTC"]})
]
QualityName = Annotated[
    str,
    BeforeValidator(checked_quality),
    WithJsonSchema({"enum": [quality.text for quality in Quality]}),
]
Switch = Literal["on", "off"]


class Broker(Authored):
    """One MQTT broker and how to log in."""

    host: str = "127.0.0.1"
    port: int = Field(1883, ge=1, le=65_535)
    username: str = ""
    password_file: str = Field("", description="file whose first line is the password")
    password_env: str = Field("", description="environment variable that holds the password")
    tls: Tls | None = None
    client_id: str = Field("", description="made of node and source unless given")
    keepalive: int = Field(30, ge=5, le=3_600, description="seconds")
    version: MqttVersion = "5"
    session_expiry: int = Field(7 * _DAY, ge=0, le=365 * _DAY, description="seconds")

    @model_validator(mode="after")
    def _one_password(self) -> Broker:
        if self.password_file and self.password_env:
            raise SpecError("password_file and password_env exclude each other")
        if (self.password_file or self.password_env) and not self.username:
            raise SpecError("a password needs a username", expected="'username'")
        return self


class Retention(Authored):
    """What is trimmed from the log, once every output and snapshot is past it."""

    age: Duration = 30 * _DAY * 1_000_000_000
    size: Size = 20_000_000_000


class Storage(Authored):
    """Where the log lives."""

    directory: str = Field("lifeline-data", description="relative to this file")
    retention: Retention = Retention()


class SiteModel(Authored):
    """One plant, dam, network or structure."""

    id: Name
    area: Area
    name: str = ""
    tenant: Name | None = None
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    timezone: Zone | None = None
    position: str = Field(
        "", max_length=64, description="operator position that watches it; its area's unless given"
    )
    packs: Packs = Field([], description="packs of rules that this site takes")
    exercise: bool = Field(
        False, description="a drill: every alarm is marked, none counts as actual; never changed"
    )


class PositionModel(Authored):
    """An operator position: whose alarms one person answers. Sites that are named or lie in an area that
    is; all of them where neither is given; of these all assets, or those that are named."""

    name: str = Field(min_length=1, max_length=64)
    sites: OneOrMany = Field([], description="site ids or patterns")
    areas: list[AreaPath] = Field([], description="city, city/district or city/district/street")
    assets: OneOrMany = Field([], description="assets or patterns, of those sites and areas")

    @model_validator(mode="after")
    def _watches_something(self) -> PositionModel:
        if not self.sites and not self.areas and not self.assets:
            raise SpecError("the position watches nothing", expected="sites, areas or assets")
        return self


class SensorFile(Authored):
    """One tag list, and what holds for its rows where their cells are empty."""

    file: str
    site: str = ""
    source: str = ""


class Time(Authored):
    """Where the event time stands and how it is written."""

    path: str = Field("", description="dotted path; empty: time of receipt")
    unit: TimeUnit = "ms"
    zone: Zone | None = Field(None, description="for ISO text without an offset")
    resolution: Duration = 0
    fold: Fold = "earlier"
    missing: Literal["receipt", "refuse"] = "refuse"


class QualityModel(Authored):
    """Where the sender's quality stands and what its codes mean."""

    path: str
    good: list[str | int | float | bool] = Field([], description="codes that mean good")
    map: dict[str, QualityName] = Field({}, description="other codes by what they mean")
    other: QualityName = Field("uncertain", description="codes that are not listed")
    missing: QualityName = Field("uncertain", description="no code at all")


class Payload(Authored):
    """The form of one message."""

    format: Literal["json"] = "json"
    points: str | None = Field(None, description="path of an array of points; $: the message")
    shape: Shape = "point"
    value: str | None = Field(None, description="(point) path of the number")
    fields: str | None = Field(None, description="(wide) path of the object with the fields")
    sensor: str | None = Field(None, description="template that names the sensor")
    time: Time = Time()
    quality: QualityModel | None = None
    text_numbers: bool = Field(False, description='read numbers written as text, "12.5"')

    @model_validator(mode="after")
    def _fits_shape(self) -> Payload:
        if self.shape == "wide" and self.value is not None:
            raise SpecError("value belongs to the shape point", expected="fields, or shape: point")
        if self.shape == "point" and self.fields is not None:
            raise SpecError("fields belongs to the shape wide", expected="value, or shape: wide")
        return self


class SourceModel(Authored):
    """How the messages of one broker become samples."""

    id: Name
    topics: Annotated[
        list[str],
        BeforeValidator(_many),
        Field(min_length=1, description="patterns; {name} stands for one topic level"),
    ]
    site: str = Field("", description="a site's id, or a template such as {station}")
    broker: Broker | None = None
    qos: Literal[0, 1] = 1
    payload: Payload = Payload()
    grace: Duration = GRACE_NS
    reorder: Duration = 0
    heartbeat: Duration = 0
    exercise: bool = Field(False, description="it feeds drills, and nothing else")


class Defaults(Authored):
    """Rules that the engine adds by itself for every sensor."""

    stale: Switch = "on"
    clock: Switch = "on"


class Mqtt(Authored):
    """Alerts by MQTT; without `broker` the file's own."""

    broker: Broker | None = None
    notices: Switch = Field("off", description="also what people are to hear, grouped in a flood")


_V2_KEYS: Final = ("org", "bucket", "token_file", "token_env")
_V1_KEYS: Final = ("database", "retention_policy", "username", "password_file", "password_env")


class Influx(Authored):
    """Alerts and series to InfluxDB: a bucket of 2.x, or a database of 1.x. How the server is
    written to is found by asking it.
    """

    url: str = Field(pattern=r"^https?://[^/\s]+")
    org: str = Field("-", description="InfluxDB 1.8 has none")
    bucket: str = Field("", description="on 1.x database/retention policy")
    token_file: str = Field("", description="file with the token; on 1.x user:password")
    token_env: str = Field("", description="environment variable that holds the token")
    database: str = Field("", description="of InfluxDB 1.x, instead of bucket and token")
    retention_policy: str = Field("", description="the database's default unless given")
    username: str = ""
    password_file: str = Field("", description="file whose first line is the password")
    password_env: str = Field("", description="environment variable that holds the password")
    ca_file: str = ""
    max_series: int = Field(
        MAX_SERIES, ge=100, le=100_000_000, description="nine tenths samples, a tenth alerts"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Influx:
        v2 = [key for key in _V2_KEYS if key in self.model_fields_set]
        v1 = [key for key in _V1_KEYS if key in self.model_fields_set]
        if v2 and v1:
            raise SpecError(
                f"{v2[0]} belongs to a bucket, {v1[0]} to a database of InfluxDB 1.x",
                expected="bucket with org and token, or database with username and password",
            )
        if not self.bucket and not self.database:
            raise SpecError("InfluxDB needs a bucket or a database", expected="'bucket'")
        return self

    @model_validator(mode="after")
    def _one_secret(self) -> Influx:
        if self.token_file and self.token_env:
            raise SpecError("token_file and token_env exclude each other")
        if self.password_file and self.password_env:
            raise SpecError("password_file and password_env exclude each other")
        if bool(self.username) != bool(self.password_file or self.password_env):
            raise SpecError(
                "a username needs a password, and a password a username",
                expected="username with password_file or password_env",
            )
        return self


class StoreRetention(Authored):
    """How long each resolution is kept in the embedded store."""

    raw: Duration = RAW_NS
    minute: Duration = MINUTES_NS
    hour: Duration = HOURS_KEPT_NS

    @model_validator(mode="after")
    def _coarser_longer(self) -> StoreRetention:
        if not HOUR_NS <= self.raw <= self.minute <= self.hour:
            raise SpecError(
                "what is coarser is kept longer, and nothing for less than an hour",
                expected="1h ≤ raw ≤ minute ≤ hour",
            )
        return self


class StoreModel(Authored):
    """Alerts and series in a file beside the log, to be asked with SQL: no server needed."""

    file: str = Field("series.duckdb", description="name in the storage directory")
    retention: StoreRetention = StoreRetention()
    size: Size = Field(MAX_BYTES, description="beyond it the oldest samples go early")
    memory: Size = Field(MEMORY_BYTES, description="the database's own; a question spills to disk")
    threads: int = Field(1, ge=1, le=64, description="each more takes a core from the engine")

    @model_validator(mode="after")
    def _name_and_memory(self) -> StoreModel:
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\.duckdb", self.file):
            raise SpecError(
                "file is a name in the storage directory",
                found=repr(self.file),
                expected="letters, digits, - and _, ending in .duckdb",
            )
        if self.memory < LEAST_MEMORY_BYTES:
            raise SpecError("too little memory for the store", expected="64 MB or more")
        return self


class Monitoring(Authored):
    """Where /livez, /readyz and /metrics are served; without this section nowhere."""

    host: str = Field("127.0.0.1", description="an address of this machine")
    port: int = Field(9464, ge=1, le=65_535)

    @model_validator(mode="after")
    def _one_address(self) -> Monitoring:
        if not self.host or any(c.isspace() or c in "/[]" for c in self.host):
            raise SpecError(
                "host is no address", found=repr(self.host), expected="127.0.0.1, or a host's name"
            )
        return self


class Outputs(Authored):
    """Where alerts and series go."""

    mqtt: Mqtt | None = None
    influx: Influx | None = None
    store: StoreModel | None = None


def _rules_schema() -> WithJsonSchema:
    rule = {"type": "object", "required": ["id", "kind"]}
    item = {"anyOf": [rule, {"type": "string", "description": "a file of rules"}]}
    return WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": item}]})


class LifelineFile(Authored):
    """The file `lifeline.yaml`."""

    version: Literal[1]
    node: Name = Field("lifeline", description="name of this engine on the health topic")
    tenant: Name | None = Field(None, description="owner of the sites that name none")
    storage: Storage = Storage()
    broker: Broker | None = Field(None, description="for sources and outputs that name none")
    # That lists are not empty is told by `sections`: what is left of a list with mistakes may be.
    sites: list[SiteModel] = Field(json_schema_extra={"minItems": 1})
    sensors: Annotated[list[SensorFile], BeforeValidator(_named_files)] = Field(
        json_schema_extra={"minItems": 1}
    )
    sources: list[SourceModel] = Field(json_schema_extra={"minItems": 1})
    packs: PacksAnywhere = Field([], description="packs of rules that sites take")
    rules: Annotated[Any, _rules_schema()] = Field([], description="rules, or files of rules")
    defaults: Defaults = Defaults()
    outputs: Outputs | None = None
    positions: list[PositionModel] = Field([], description="operator positions, by what they watch")
    areas: list[AreaModel] = Field([], description="what the sites' alarms mean for an area")
    calls: CallsModel | None = Field(None, description="whom alarms call until somebody answers")
    cluster: ClusterModel | None = Field(None, description="Kafka, where one machine is not enough")
    monitoring: Monitoring | None = Field(None, description="figures and checks over HTTP")
