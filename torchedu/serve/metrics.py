"""What a service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


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

    def text(self) -> str:
        """Return the counters in the text format of Prometheus."""
        return generate_latest(self._registry).decode()
