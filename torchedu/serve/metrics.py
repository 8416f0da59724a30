"""What a service counts, for Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Gauge(NamedTuple):
    """A number that is measured when it is asked for.

    Attributes:
        name: What it is called, after ``torchedu_``.
        about: What it is.
        labels: Of what it is measured.
        value: The number.
    """

    name: str
    about: str
    labels: Mapping[str, str]
    value: float


class _Measured(Collector):
    def __init__(self, gauges: Callable[[], Iterable[Gauge]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the gauges, those of one name together."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, about, labels, value in self._gauges():
            if name not in families:
                families[name] = GaugeMetricFamily(f"torchedu_{name}", about, labels=list(labels))
            families[name].add_metric(list(labels.values()), value)
        yield from families.values()


class Metrics:
    """Counters of one service; names of students, items and classes never stand in them."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.events = Counter("torchedu_events", "Events written", registry=registry)
        self.repeated = Counter(
            "torchedu_events_repeated", "Events that were in the log already", registry=registry
        )
        self.refused = Counter("torchedu_posts_refused", "Posts refused", registry=registry)
        self.failed = Counter("torchedu_commits_failed", "Commits that failed", registry=registry)
        self.commits = Histogram(
            "torchedu_commit_seconds", "Seconds a commit", buckets=SECONDS, registry=registry
        )
        self.group = Histogram(
            "torchedu_commit_events", "Events a commit", registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
        )  # fmt: skip
        self.statements = Counter(
            "torchedu_statements", "New statements, by what they came to", ["became"],
            registry=registry,
        )  # fmt: skip
        self.questions = Counter(
            "torchedu_questions", "Questions answered, by what was asked", ["asked"],
            registry=registry,
        )  # fmt: skip

    def measure(self, gauges: Callable[[], Iterable[Gauge]]) -> None:
        """Tell, beside the counters, what is measured when they are asked for."""
        self._registry.register(_Measured(gauges))

    def text(self) -> str:
        """Return the counters in the text format of Prometheus."""
        return generate_latest(self._registry).decode()
