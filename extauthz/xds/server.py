"""The gRPC service that delivers filters to Envoy (aggregated discovery, incremental)."""

import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig as Extension
from envoy.service.discovery.v3.ads_pb2_grpc import (
    AggregatedDiscoveryServiceServicer,
    add_AggregatedDiscoveryServiceServicer_to_server,
)
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from extauthz.listening import AS_IT_IS
from extauthz.xds import conversation as talk
from extauthz.xds.matching import packed
from extauthz.xds.metrics import Counts
from extauthz.xds.publisher import Publisher
from lychgate.clock import steady

_LOGGER = logging.getLogger(__name__)
TYPE = f"type.googleapis.com/{Extension.DESCRIPTOR.full_name}"
_ENVOYS = 128
"""So many Envoys one server tells; each has a thread that sleeps nearly always."""
_OLDEST = (1, 37)
"""The oldest Envoy whose match trees mean what ours say."""
_AHEAD = 2
"""So many messages of an Envoy are taken in before they are answered; whoever sends more waits."""
_LONGEST = 1024 * 1024
"""Bytes of a message; the first one, which names all that an Envoy can do, has a tenth."""
_LOOKS = 20
"""So many times within the bound a stream looks whether something is due."""


class Discovery(AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # generated, untyped
    """Tells every Envoy that asks what its filters are to go by."""

    def __init__(self, publisher: Publisher, bound: float, counts: Counts) -> None:
        self._publisher, self._bound, self._counts = publisher, bound, counts

    def DeltaAggregatedResources(
        self, requests: Iterable[DeltaDiscoveryRequest], context: grpc.ServicerContext
    ) -> Iterator[DeltaDiscoveryResponse]:
        """One stream, until Envoy or the server ends it."""
        stream = _Stream(self._publisher, talk.Conversation(self._bound), self._counts)
        threading.Thread(target=stream.read, args=(requests,), daemon=True).start()
        with self._publisher.listening(stream.wake), self._counts.connected(stream):
            yield from stream.run(self._bound / _LOOKS)

    def StreamAggregatedResources(self, requests: object, context: grpc.ServicerContext) -> None:
        """The other protocol, which renews no end of a filter."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "set `api_type: DELTA_GRPC`")


class _Stream:
    """Puts what Envoy says and what changes into one line, and answers in turn."""

    def __init__(
        self, publisher: Publisher, conversation: talk.Conversation, counts: Counts
    ) -> None:
        self._publisher, self._conversation, self._counts = publisher, conversation, counts
        self._inbox: queue.SimpleQueue[DeltaDiscoveryRequest | bool | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._known: bool | None = None

    @property
    def proves(self) -> bool:
        """Whether this Envoy has everything it needs to prove a request."""
        return self._conversation.held

    def wake(self) -> None:
        """Something changed."""
        self._inbox.put(True)

    def read(self, requests: Iterable[DeltaDiscoveryRequest]) -> None:
        """Take in what Envoy says, in a thread of its own."""
        try:
            for request in requests:
                self._room.acquire()
                self._inbox.put(request)
        except grpc.RpcError:
            pass  # the stream is over, however it ended
        finally:
            self._inbox.put(None)

    def run(self, patience: float) -> Iterator[DeltaDiscoveryResponse]:
        """Answer until the stream is over."""
        try:
            yield from self._answers(patience)
        finally:
            self._room.release()  # who reads sees that it is over

    def _answers(self, patience: float) -> Iterator[DeltaDiscoveryResponse]:
        while True:
            try:
                heard = self._inbox.get(timeout=patience)
            except queue.Empty:
                heard = True
            if heard is None:
                return
            if not isinstance(heard, bool):
                self._room.release()
                self._hear(heard)
            state = self._publisher.state()
            if state is not None and self._known:
                for message in self._conversation.due(state, steady()):
                    self._counts.sent(message)
                    yield _response(message)

    def _hear(self, request: DeltaDiscoveryRequest) -> None:
        if self._known is None:
            self._known = _is_known(request.node)
        if request.type_url != TYPE:
            return
        self._conversation.asked(
            request.resource_names_subscribe, request.resource_names_unsubscribe
        )
        if not request.response_nonce:
            return
        self._counts.answered(taken=not request.error_detail.code)
        if request.error_detail.code:
            if self._conversation.refused(request.response_nonce):
                _LOGGER.error(
                    "an Envoy refused a filter: %s",
                    request.error_detail.message[-300:],
                    extra={"event": {"envoy": _name(request.node)}},
                )
        else:
            self._conversation.taken(request.response_nonce)


def _is_known(node: Any) -> bool:
    version = node.user_agent_build_version.version
    if (version.major_number, version.minor_number) >= _OLDEST:
        return True
    _LOGGER.error(
        "an Envoy is too old to prove anything, and asks about every request",
        extra={"event": {"envoy": _name(node), "hint": "Envoy 1.37.6, 1.38.4, 1.40.0 or later"}},
    )
    return False


def _name(node: Any) -> str:
    """What an Envoy calls itself, as far as a line of the log has room for it."""
    return str(node.id[:100])


def _response(message: talk.Message) -> DeltaDiscoveryResponse:
    response = DeltaDiscoveryResponse(
        type_url=TYPE, nonce=message.nonce, removed_resources=message.removed
    )
    for one in message.resources:
        resource = response.resources.add(name=one.name, version=str(one.version))
        if one.filter is not None:
            filter = Extension(name=one.filter.name)
            filter.typed_config.CopyFrom(one.filter.typed_config)
            resource.resource.CopyFrom(packed(filter))
        if one.ends_after is not None:
            resource.ttl.FromMilliseconds(max(1, int(one.ends_after * 1000)))
    return response


def new_server(discovery: Discovery) -> grpc.Server:
    """A server for so many Envoys."""
    server = grpc.server(
        ThreadPoolExecutor(_ENVOYS, thread_name_prefix="envoy"),
        options=(
            AS_IT_IS,
            ("grpc.so_reuseport", 0),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", _LONGEST),
        ),
        maximum_concurrent_rpcs=_ENVOYS,
    )
    add_AggregatedDiscoveryServiceServicer_to_server(discovery, server)
    return server
