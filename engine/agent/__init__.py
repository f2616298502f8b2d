"""Agents: from brokers into the log, acknowledged when durable."""

from .agent import Agent, AgentTrouble
from .ports import AgentLog, Durable

__all__ = ["Agent", "AgentLog", "AgentTrouble", "Durable"]
