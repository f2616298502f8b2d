"""Brokers and payload forms of the file as the agent reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..quality import Quality
from ..source import BrokerSpec, PayloadSpec, QualitySpec, TimeSpec, TlsSpec
from .authored import absolute
from .models import Broker, Payload, QualityModel, Time

_QUALITIES: Final = {quality.text: quality for quality in Quality}


def payload_spec(model: Payload) -> PayloadSpec:
    """The payload mapping as the decoder reads it."""
    return PayloadSpec(
        points=(model.points or "").removeprefix("$."),
        shape=model.shape,
        value=model.value or "value",
        fields=model.fields or "",
        time=_time(model.time),
        quality=None if model.quality is None else _quality(model.quality),
        text_numbers=model.text_numbers,
        format=model.format,
    )


def _time(model: Time) -> TimeSpec:
    return TimeSpec(
        path=model.path,
        unit=model.unit,
        zone=model.zone or "",
        resolution=model.resolution,
        fold=model.fold,
        missing=model.missing,
    )


def _quality(model: QualityModel) -> QualitySpec:
    codes = {_code(code): Quality.GOOD for code in model.good}
    codes.update((code, _QUALITIES[name]) for code, name in model.map.items())
    return QualitySpec(
        path=model.path,
        codes=dict(sorted(codes.items())),
        other=_QUALITIES[model.other],
        missing=_QUALITIES[model.missing],
    )


def _code(code: str | int | float | bool) -> str:
    """A code as the decoder compares it: true, 0, 0.5, OK."""
    if isinstance(code, float) and code.is_integer():
        return str(int(code))
    return str(code).lower() if isinstance(code, bool) else str(code)


def broker_spec(model: Broker, base: Path) -> BrokerSpec:
    """The broker with its files as absolute paths; `base` is the configuration's directory."""
    tls = model.tls
    return BrokerSpec(
        host=model.host,
        port=model.port,
        username=model.username,
        password_file=absolute(base, model.password_file),
        password_env=model.password_env,
        tls=None
        if tls is None
        else TlsSpec(
            ca_file=absolute(base, tls.ca_file),
            cert_file=absolute(base, tls.cert_file),
            key_file=absolute(base, tls.key_file),
        ),
        client_id=model.client_id,
        keepalive=model.keepalive,
        version=model.version,
        session_expiry=model.session_expiry,
    )
