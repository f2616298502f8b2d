"""A paho client made ready from a `BrokerSpec`: protocol, session, login, TLS, last will."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ..errors import SpecError
from ..limits import (
    MQTT_CONNECT_TIMEOUT_S,
    MQTT_MAX_PACKET_BYTES,
    MQTT_PUBLISH_WINDOW,
    MQTT_RECEIVE_WINDOW,
)
from ..source import BrokerSpec, TlsSpec
from .intake import IntakeClient

Kind = TypeVar("Kind", bound=paho.Client)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for us, QoS 1, when we vanish without goodbye."""

    topic: str
    payload: bytes
    retain: bool = True


def new_paho_client(
    broker: BrokerSpec, client_id: str, will: Will | None, *, clean: bool = False
) -> paho.Client:
    """A paho client that has not connected yet and acknowledges nothing by itself.

    `clean`: the broker keeps no session for it, before or after.
    Raises SpecError where a password or a TLS file cannot be read.
    """
    return _made_ready(paho.Client, broker, client_id, will, clean)


def new_intake_client(broker: BrokerSpec, client_id: str, will: Will | None) -> IntakeClient:
    """The same, keeping its session, for a `NetworkLoop` that reads many messages at a time."""
    return _made_ready(IntakeClient, broker, client_id, will, clean=False)


def _made_ready(
    kind: type[Kind], broker: BrokerSpec, client_id: str, will: Will | None, clean: bool
) -> Kind:
    five = broker.version == "5"
    client = kind(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if five else clean,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = MQTT_CONNECT_TIMEOUT_S
    client.max_inflight_messages_set(MQTT_PUBLISH_WINDOW)
    if broker.tls is not None:
        client.tls_set_context(_tls_context(broker.tls))
    if broker.username:
        client.username_pw_set(broker.username, password(broker))
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
    if five:
        client.connect_async(
            broker.host,
            broker.port,
            broker.keepalive,
            clean_start=clean,
            properties=_connect_properties(broker),
        )
    else:
        client.connect_async(broker.host, broker.port, broker.keepalive)
    return client


def password(broker: BrokerSpec) -> str | None:
    """The password from its file or environment variable; None where the spec names neither.

    Raises SpecError, which never contains the password, where it cannot be read.
    """
    if broker.password_file:
        try:
            return Path(broker.password_file).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(
                f"the broker's password file cannot be read: {error}", found=broker.password_file
            ) from error
    if broker.password_env:
        value = os.environ.get(broker.password_env)
        if value is None:
            raise SpecError(
                "the environment variable with the broker's password is not set",
                found=broker.password_env,
            )
        return value
    return None


def _connect_properties(broker: BrokerSpec) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = broker.session_expiry
    properties.ReceiveMaximum = MQTT_RECEIVE_WINDOW
    properties.MaximumPacketSize = MQTT_MAX_PACKET_BYTES
    return properties


def _tls_context(tls: TlsSpec) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except OSError as error:  # ssl.SSLError is one
        raise SpecError(f"a TLS file cannot be used: {error}", found=str(tls)) from error
    return context
