"""The same connection settings for aiokafka and for faust. Secrets are read here, when called."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from ..errors import SinkError, SpecError
from ..limits import CLIENT_STOP_S, CLUSTER_MESSAGE_BYTES, CLUSTER_REQUEST_NS, MIRROR_POLL_MS
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


def member_options(spec: ClusterSpec, group: str) -> dict[str, Any]:
    """Keyword arguments of an aiokafka consumer that keeps in `group` what it has done, from the
    beginning of the topics on."""
    return {
        **client_options(spec),
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": 2 * CLUSTER_MESSAGE_BYTES,
        "fetch_max_wait_ms": MIRROR_POLL_MS,
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


class _Client(Protocol):
    async def start(self) -> None: ...


_C = TypeVar("_C", bound=_Client)


async def started(spec: ClusterSpec, client: _C) -> _C:
    """The aiokafka client, connected. One that cannot connect is closed before the SinkError."""
    try:
        async with reaching(spec):
            await client.start()
    except BaseException:
        await (client.close() if hasattr(client, "close") else client.stop())  # type: ignore[attr-defined]
        raise
    return client


@asynccontextmanager
async def reaching(spec: ClusterSpec) -> AsyncIterator[None]:
    """Within it, what goes wrong between us and the brokers is a SinkError that says what to do.

    aiokafka itself says no more than that it could reach none of the servers; so that a refused
    password is not taken for a broken network, the first server is asked once more for the cause.
    """
    from aiokafka.errors import KafkaConnectionError, KafkaError

    try:
        yield
    except KafkaConnectionError as error:
        raise await _diagnosed(spec, error) from error
    except KafkaError as error:
        raise SinkError(f"Kafka at {_named(spec)} refused: {_words(error)}") from error
    except TimeoutError as error:
        raise await _diagnosed(spec, error) from error


async def _diagnosed(spec: ClusterSpec, first: Exception) -> SinkError:
    """Why no server lets us in, by a connection made only to learn it."""
    cause: Exception = first
    for server in spec.servers:
        refusal = await _refusal(spec, server)
        if refusal is None:
            return SinkError(
                f"Kafka at {server} answers now; the connection was lost before: {_words(first)}"
            )
        cause = refusal
        if not isinstance(cause, OSError) or isinstance(cause, ssl.SSLError):
            break  # it answers, and says why not
    return _explained(spec, cause)


async def _refusal(spec: ClusterSpec, server: str) -> Exception | None:
    """What becomes of one connection to this server; None where it lets us in."""
    from aiokafka.conn import AIOKafkaConnection
    from aiokafka.errors import KafkaError

    options = client_options(spec)
    del options["bootstrap_servers"]
    host, _, port = server.rpartition(":")
    connection: Any = AIOKafkaConnection(host.strip("[]"), int(port), **options)
    try:
        await connection.connect()
    except (OSError, KafkaError, TimeoutError) as error:
        return error
    finally:
        await _closed(connection)
    return None


async def _closed(connection: Any) -> None:
    """Closes the connection and waits until it is: `close` only begins it, TLS says goodbye first,
    and a loop that ends before that leaves a socket open."""
    protocol, over = connection._protocol, connection.close()
    if protocol is None or over is None:
        return  # it never came to a connection
    try:
        async with asyncio.timeout(CLIENT_STOP_S):
            await asyncio.shield(over)
    except TimeoutError:
        protocol._transport.abort()
        await asyncio.sleep(0)


def _explained(spec: ClusterSpec, cause: Exception) -> SinkError:
    from aiokafka.errors import (
        KafkaError,
        SaslAuthenticationFailed,
        UnsupportedSaslMechanismError,
    )

    where = f"Kafka at {_named(spec)}"
    user = spec.sasl.username if spec.sasl is not None else ""
    match cause:
        case SaslAuthenticationFailed():
            text = (
                f"{where} refuses the login of user {user}: wrong name, password or mechanism; "
                "look at cluster.sasl and at the user on the broker (kafka-configs.sh --describe "
                "--entity-type users)"
            )
        case UnsupportedSaslMechanismError():
            text = f"{where} does not take this login: {_words(cause)}; see cluster.sasl.mechanism"
        case ssl.SSLCertVerificationError():
            text = (
                f"the certificate of {where} is not trusted: {cause.verify_message}; cluster.tls."
                "ca_file must hold the authority that signed it, and the server's name must be in it"
            )
        case ssl.SSLError() if not isinstance(cause, ssl.SSLEOFError):
            text = (
                f"{where} does not agree on TLS: {_words(cause)}; is this its TLS listener, and "
                "does it want a client certificate (cluster.tls.cert_file, key_file)?"
            )
        case ssl.SSLError() | ConnectionResetError() | BrokenPipeError() | KafkaError():
            return SinkError(
                f"{where} closes the connection: {_words(cause)}; if it is not just starting, its "
                f"listener wants something else than {spec.security}, which cluster.tls and "
                "cluster.sasl ask for"
            )
        case _:
            return SinkError(
                f"{where} cannot be reached: {_words(cause)}; is it running, is the port right?"
            )
    return SinkError(text, permanent=True)


def _named(spec: ClusterSpec) -> str:
    return ", ".join(spec.servers)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
