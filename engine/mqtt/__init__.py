"""MQTT behind our own seam: a client over paho, and an embedded broker over iotcore."""

from .broker import EmbeddedBroker
from .client import MqttClient
from .inbox import Delivery
from .outgoing import PublishTicket
from .session import Will
from .subscriptions import Subscription
from .trouble import Trouble, TroubleKind

__all__ = [
    "Delivery",
    "EmbeddedBroker",
    "MqttClient",
    "PublishTicket",
    "Subscription",
    "Trouble",
    "TroubleKind",
    "Will",
]
