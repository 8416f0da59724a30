"""What came out, in sentences: against what, how surely, and what to do next."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchedu.metrics.paired import FEW, Estimate
from torchedu.sections import PERFECT, is_perfect

LEAST = 5
"""Of them below whom nothing is said of others."""
BESIDE = {
    "baseline": "the best baseline, {}",
    "human": "{}",
    "bound": "the best that is reachable",
}
"""What the network's score is set beside, by kind of model."""
LETTERS = "AEFHILMNORSX"
"""Letters that are spoken with a vowel first: an HR@10, an MRR."""
TERMS = {
    "AUC": "how often a right answer, or a student at risk, was given a higher chance than "
    "another; .5 is guessing, 1 is certainty",
    "accuracy": "the share that was told right",
    "log loss": "what mistakes cost, sure ones most; lower is better",
    "calibration error": "how far chances lie from what came true; 0 is best",
    "HR@": "how often the next course was among so many recommended (a hit rate); 1 is always",
    "NDCG@10": "how high the next course stood among ten recommended; 1 is always first",
    "MRR": "one divided by the place of the next course, on average; 1 is always first",
    "coverage": "the share of all courses that is recommended to anybody",
    "novelty": "how rare the recommended courses are; higher is rarer",
    "QWK": "how far grades agree with people's, large misses counting most (quadratic weighted "
    "kappa); 0 is chance, 1 is always",
    "PCC": "how far grades rise and fall with people's (Pearson's correlation); 0 is chance, 1 is "
    "always",
    "MAE": "how many steps of the scale grades are off, on average; 0 is best",
    "exact agreement": "the share of grades that are people's own",
    "within a step": "the share of grades at most one step from people's",
    "macro-F1": "how many of a tag or label are found, and found rightly, each counting alike; "
    "1 is all",
    "MCC": "how far tags or labels agree beyond chance (Matthews' correlation); 0 is chance, "
    "1 is always",
    "F1": "how many of a tag are found, and found rightly; 1 is all",
    "loss (nats a token)": "how surprised the model is by the next token; lower is better",
    "perplexity": "among how many tokens it hesitates, as it were; lower is better",
}
"""What headings mean, by the word in them that says it."""


def terms(titles: Sequence[str]) -> dict[str, str]:
    """Return what the words in some headings mean, each once, in their order."""
    met: dict[str, str] = {}
    for title in titles:
        for word in sorted(TERMS, key=len, reverse=True):  # F1 is in macro-F1
            if word in title:
                met.setdefault(word, TERMS[word])
                break
    return met


def best(scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str], lower: bool) -> list[str]:
    """Name the models whose first score is the best of what could be had: no bound, no oracle."""
    name, sign = next(iter(columns), ""), -1 if lower else 1
    had = {
        row["name"]: sign * row[name]
        for row in scores
        if row["kind"] not in ("bound", "oracle") and row.get(name) is not None
    }
    return [model for model, value in had.items() if value == max(had.values())]


def lead(
    scores: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    verb: str,
    lower: bool,
    chance: bool = False,
) -> str:
    """Say in a sentence what the network reached, beside the best of each other kind.

    Where a baseline is better, the sentence ends in its name: it is what to use instead. What may
    be better by chance alone is so until more is known, since it is simpler.
    """
    if not columns or not scores:
        return ""
    name, title = next(iter(columns.items()))
    tops = _tops(scores, name, lower)
    if "network" not in tops:
        return f"The network's {title} is not defined on this part of the data."
    value, network = (tops["network"][column] for column in (name, "name"))
    beside = [
        f"{_distance(value, tops[kind][name])} {words.format(tops[kind]['name'])}"
        for kind, words in BESIDE.items()
        if kind in tops
    ]
    article = "an" if title[0] in (LETTERS if title[:2].isupper() else "AEIOaeio") else "a"
    *first, last = [f"{network} {verb} {article} {title} of {value:.3f}", *beside]
    said = f"{', '.join(first)}, and {last}" if len(first) > 1 else ", ".join([*first, last])
    baseline = tops.get("baseline", tops["network"])
    sign = -1 if lower else 1
    loses = round(sign * value, 3) < round(sign * baseline[name], 3)
    if not loses:
        return f"{said}."
    until = "until more is known, " if chance else ""
    return f"{said}: {until}use {baseline['name']} for data like these."


def perfect(scores: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Doubt a network's first score that nobody reaches honestly."""
    name = next(iter(columns), "")
    reached = [row.get(name) for row in scores if row["kind"] == "network"]
    return f" {PERFECT}." if any(is_perfect(value) for value in reached) else ""


def too_few(counts: Mapping[str, int]) -> str:
    """Say that there is too little to judge by."""
    noun, count = next(iter(counts.items()), ("", FEW))
    noun = noun.removesuffix("s") if count == 1 else noun
    return f" Too small to judge: {count:,} {noun}." if count < FEW else ""


class Surely:
    """How surely the network's first score is known, and its distance to the best baseline.

    Args:
        scores: A row a model.
        columns: The scores' titles by name.
        estimate: Gives the first score of a model by its name, with what every student, text or
            lesson moves of it; None where that is not known.
        lower: Whether the first score is the better the lower it is.
    """

    def __init__(
        self,
        scores: Sequence[Mapping[str, Any]],
        columns: Mapping[str, str],
        estimate: Callable[[str], Estimate | None],
        lower: bool = False,
    ) -> None:
        self.title, self.cost = next(iter(columns.values()), ""), lower
        tops = _tops(scores, next(iter(columns), ""), lower)
        self.perfect = not lower and bool(perfect(scores, columns))
        names = {kind: str(tops[kind]["name"]) for kind in ("network", "baseline") if kind in tops}
        self.network, self.beside = names.get("network"), names.get("baseline")
        mine, other = (name and estimate(name) for name in (self.network, self.beside))
        self.score = mine if mine and _known(mine) else None
        self.lead: Estimate | None = None
        if self.score is not None and other and math.isfinite(other.value):
            self.lead = self.score.minus(other) if not lower else other.minus(self.score)
        if tops.get("baseline") is not None and "network" in tops:
            name = next(iter(columns))
            distance = (-1 if lower else 1) * (tops["network"][name] - tops["baseline"][name])
            self.ahead: float | None = round(distance, 3)
        else:
            self.ahead = None

    @property
    def chance(self) -> bool:
        """Whether chance alone may have made the distance to the best baseline."""
        if self.lead is None:
            return False
        low, high = self.lead.ends
        return low <= 0 <= high

    def words(self, whom: str) -> str:
        """Tell it in a sentence; nothing where it is not known.

        Args:
            whom: What was drawn by chance, such as students.
        """
        if self.score is None or len(self.score.moved_S) < LEAST:
            return ""
        low, high = self.score.ends
        said = f"With other {whom} of this kind the {self.title} would be {low:.3f} to {high:.3f}"
        if self.lead is None:
            return f"{said}."
        low, high = self.lead.ends
        verdict = "which chance alone may make" if self.chance else "more than chance makes"
        return f"{said}, its lead over {self.beside} {low:+.3f} to {high:+.3f}, {verdict}."

    def plain(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "score": self.score and self.score.plain(),
            "against": self.beside,
            "lead": self.lead and self.lead.plain(),
        }

    def next_step(
        self, counts: Mapping[str, int], leaky: bool, product: str, compares: str = ""
    ) -> str:
        """Say what to do next.

        Args:
            counts: What was scored, by noun.
            leaky: Whether something in the data may make the score too good.
            product: What to do with a network that may be used.
            compares: What a score needs, such as right and wrong answers.
        """
        noun, count = next(iter(counts.items()), ("rows", FEW))
        if leaky:
            return "First look at what may make the scores too good; it is listed below."
        if self.perfect:
            return "Look for what gives the answer away: nobody scores so honestly."
        if self.network is None and compares:
            return f"Score it on data that has {compares}: torchedu test RUN, with its file."
        behind = self.ahead is not None and self.ahead < 0
        if self.network is None or count < FEW:
            safer = f", until then with {self.beside}" * behind
            return (
                f"Score it on more {noun}{safer}: torchedu test RUN with a file, those of "
                "next year, say."
            )
        if behind and self.chance:
            return f"{self.beside} is simpler; more {noun} would tell whether it is better too."
        if self.beside is not None and (self.chance or self.ahead == 0):
            return f"{self.beside} may do as well and is simpler; more {noun} would tell."
        if behind:
            return f"Use {self.beside}, or search for a better network: torchedu tune."
        return product


def _tops(
    scores: Sequence[Mapping[str, Any]], name: str, lower: bool
) -> dict[str, Mapping[str, Any]]:
    """Return the best row of each kind that has one, of the network its own."""
    sign = -1 if lower else 1
    known = [row for row in scores if row.get(name) is not None and row[name] == row[name]]
    return {
        kind: max(rows, key=lambda row: sign * row[name])
        for kind in ("network", *BESIDE)
        if (rows := [row for row in known if row["kind"] == kind])
    }


def _known(estimate: Estimate) -> bool:
    return math.isfinite(estimate.value) and estimate.error > 0


def _distance(value: float, other: float) -> str:
    distance = round(value, 3) - round(other, 3)
    if abs(distance) < 0.0005:
        return "level with"
    return f"{abs(distance):.3f} {'above' if distance > 0 else 'below'}"
