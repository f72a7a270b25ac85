"""Starts the xDS server: `lychgate xds`."""

from extauthz.listening import listen
from extauthz.process import Kind, main
from extauthz.xds.metrics import Counts
from extauthz.xds.publisher import Publisher
from extauthz.xds.server import Discovery, new_server
from lychgate.errors import LychgateError
from lychgate.processes import accepts
from lychgate.runtime import Runtime
from lychgate.settings import Settings
from lychgate.stopping import Stop


class ZeroHopOff(LychgateError):
    """The installation does not say where Envoy gets its proofs."""

    code = "zero_hop_off"


class XdsServer:
    """The one worker of this process."""

    def __init__(self, endpoint: str, runtime: Runtime) -> None:
        settings = runtime.settings.zero_hop
        self._endpoint = endpoint
        self._publisher = Publisher(runtime.feed, settings)
        counts = Counts(runtime.registry, self._publisher.reasons)
        bound = settings.bound.total_seconds()
        self._server = new_server(Discovery(self._publisher, bound, counts))
        self._stopping = Stop()

    def start(self) -> None:
        """Listen."""
        self._publisher.start()
        listen(self._server, self._endpoint)
        self._server.start()

    def run(self) -> None:
        """Serve until told to stop. What the Envoys hold ends within the bound."""
        self._stopping.wait()
        self._server.stop(0).wait()
        self._publisher.stop()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()


def _endpoints(settings: Settings) -> tuple[str, ...]:
    if not settings.zero_hop.listen:
        raise ZeroHopOff("this installation has no zero-hop path", "set `zero_hop.listen`")
    return (settings.zero_hop.listen,)


XDS = Kind(
    module="extauthz.xds",
    description="Tell Envoy which requests it may prove by itself (xDS).",
    endpoints=_endpoints,
    metrics=lambda settings: settings.zero_hop.metrics,
    serves=accepts,
    server=XdsServer,
)

if __name__ == "__main__":
    main(XDS)
