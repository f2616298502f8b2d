"""The same connection settings for aiokafka and for faust. Secrets are read here, when called."""

from __future__ import annotations

import ssl
from typing import Any

from ..errors import SpecError
from ..limits import CLUSTER_MESSAGE_BYTES, CLUSTER_REQUEST_NS
from .spec import ClusterSpec, TlsSpec, password

_MS = 1_000_000


def client_options(spec: ClusterSpec) -> dict[str, Any]:
    """Keyword arguments of every aiokafka client: consumers, producers and the admin client.

    Raises SpecError where a file or secret that the spec names cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": list(spec.servers),
        "security_protocol": spec.security,
        "request_timeout_ms": CLUSTER_REQUEST_NS // _MS,
    }
    if spec.tls is not None:
        options["ssl_context"] = tls_context(spec.tls)
    if spec.sasl is not None:
        options |= {
            "sasl_mechanism": spec.sasl.mechanism,
            "sasl_plain_username": spec.sasl.username,
            "sasl_plain_password": password(spec.sasl),
        }
    return options


def producer_options(spec: ClusterSpec) -> dict[str, Any]:
    """Keyword arguments of an aiokafka producer whose records are durable when acknowledged, once
    each and in order."""
    return {
        **client_options(spec),
        "acks": "all",
        "enable_idempotence": True,
        "max_request_size": CLUSTER_MESSAGE_BYTES,
    }


def faust_options(spec: ClusterSpec) -> dict[str, Any]:
    """Keyword arguments of `faust.App` that say how to reach and log in to the brokers.

    Raises SpecError as `client_options`.
    """
    options: dict[str, Any] = {"broker": [f"kafka://{server}" for server in spec.servers]}
    credentials = _faust_credentials(spec)
    if credentials is not None:
        options["broker_credentials"] = credentials
    return options


def _faust_credentials(spec: ClusterSpec) -> Any:
    import faust

    context = None if spec.tls is None else tls_context(spec.tls)
    if spec.sasl is not None:
        return faust.SASLCredentials(
            username=spec.sasl.username,
            password=password(spec.sasl),
            mechanism=spec.sasl.mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


def tls_context(tls: TlsSpec) -> ssl.SSLContext:
    """A client's context that checks the broker's name. Raises SpecError for files it cannot use."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SpecError(
            "the TLS files of the cluster cannot be used",
            where=tls.ca_file or tls.cert_file,
            found=str(error),
            expected="PEM files: ca_file, and cert_file with key_file",
        ) from error
    return context
