"""What the server counts of itself, for Prometheus; nothing of any picture."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Telemetry:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "fauxto_requests", "Requests by route and status", ("route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "fauxto_request_seconds", "From a request's head to its answer", ("route",),
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.verdicts = Counter(
            "fauxto_verdicts", "Pictures by verdict, or error", ("verdict",),
            registry=self.registry,
        )  # fmt: skip
        self.problems = Counter(
            "fauxto_problems", "Problems by code", ("code",), registry=self.registry
        )
        self.busy = Gauge(
            "fauxto_requests_in_progress", "Requests being received or answered",
            registry=self.registry,
        )  # fmt: skip
        self.held = Gauge(
            "fauxto_upload_bytes", "Bytes of uploads in memory", registry=self.registry
        )
        self.pictures = Gauge(
            "fauxto_pictures_in_progress", "Pictures that wait or are looked at",
            registry=self.registry,
        )  # fmt: skip
        self.passes = Gauge(
            "fauxto_network_passes", "Calls of the network so far", registry=self.registry
        )
        self.replaced = Gauge(
            "fauxto_decoders_replaced", "Decoding processes that hung or died so far",
            registry=self.registry,
        )  # fmt: skip
