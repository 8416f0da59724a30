"""What a service counts, for Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

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
        self._gauges: Callable[[], Iterable[Gauge]] = tuple
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
        self._gauges = gauges

    def text(self, gauges: bool = True) -> str:
        """Return the counters in the text format of Prometheus, and what is measured if wanted."""
        return generate_latest(self._registry).decode() + (text_of(self._gauges) if gauges else "")


def text_of(gauges: Callable[[], Iterable[Gauge]]) -> str:
    """Return what is measured in the text format of Prometheus."""
    return _text(_Measured(gauges))


def summed(texts: Iterable[str]) -> str:
    """Return the counters of several as those of one."""
    families: dict[str, Metric] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for family in chain.from_iterable(map(text_string_to_metric_families, texts)):
        families.setdefault(family.name, family)
        mine = sums.setdefault(family.name, {})
        for sample in family.samples:
            of = sample.name, tuple(sample.labels.items())
            since = family.name.endswith("_created")  # the first is the whole's
            mine[of] = min(mine.get(of, sample.value), sample.value) if since else (
                mine.get(of, 0.0) + sample.value
            )  # fmt: skip
    for name, family in families.items():
        family.samples = [
            Sample(of, dict(labels), value) for (of, labels), value in sums[name].items()
        ]
    return _text(_Summed(families.values()))


class _Summed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families


def _text(collector: Collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()
