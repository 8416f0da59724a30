"""The findings of an audit in sentences that a head of department can act on."""

from collections.abc import Iterator, Mapping
from typing import Any

NOUNS = {
    "abroca": "ABROCA",
    "auc": "AUC",
    "selection_rate": "selection rate",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
    "calibration": "calibration",
}
MOST = 30
"""Sentences in a list."""


def words(attributes: Mapping[str, Any], stratum: str | None, noun: str) -> list[str]:
    """Tell an audit's findings, what is above its floor first.

    Args:
        attributes: What ``audit`` found, by attribute.
        stratum: What a stratum is called; None where there are none.
        noun: What is counted, ``students`` say.

    Returns:
        A sentence a finding; one that says so where no gap is above its floor.
    """
    sentences = [*_findings(attributes, stratum), *_confounded(attributes, stratum)]
    judged = {
        name for name, *_, gap in _gaps(attributes) if _decisive(gap, stratum)["value"] is not None
    }
    if not sentences and judged:
        sentences = ["No gap is above its noise floor: chance alone makes gaps as large."]
    sentences = (
        [*sentences[:MOST], f"And {len(sentences) - MOST} more."]
        if len(sentences) > MOST
        else sentences
    )
    alone = [name for name in attributes if name not in judged and "×" not in name]
    if alone or not judged:
        where = f" within one {stratum}" if stratum else ""
        sentences.append(f"Nothing could be compared{where}{': ' * bool(alone)}{', '.join(alone)}.")
    few = [
        f"{name} {group['group']} ({group[noun]})"
        for name, verdict in attributes.items()
        for group in verdict["groups"]
        if group["too_few"] and "×" not in name
    ]
    if few:
        sentences.append(f"Too few {noun} or outcomes to compare: {', '.join(few)}.")
    unknown = [
        f"{name} ({verdict['unknown']})"
        for name, verdict in attributes.items()
        if verdict["unknown"] and "×" not in name
    ]
    if unknown:
        sentences.append(f"Left out where their group is not known: {', '.join(unknown)}.")
    return sentences


def _gaps(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for name, verdict in attributes.items():
        groups = [group for group in verdict["groups"] if not group["too_few"]]
        # Of two groups each is all the others to the other: told once.
        for group in groups[:1] if len(verdict["groups"]) == 2 else groups:
            for measure, gap in group["gaps"].items():
                if gap["value"] is not None:
                    yield name, group["group"], measure, gap


def _decisive(gap: Mapping[str, Any], stratum: str | None) -> Mapping[str, Any]:
    """Return what decides of a gap: within strata, where there are such."""
    measured: Mapping[str, Any] = gap["within"] if stratum else gap
    return measured


def _findings(attributes: Mapping[str, Any], stratum: str | None) -> Iterator[str]:
    where = f" within {stratum}" if stratum else ""
    for name, group, measure, gap in _gaps(attributes):
        decisive = _decisive(gap, stratum)
        if decisive["above"]:
            yield (
                f"{name}: the {NOUNS[measure]} gap of {group}{where} is "
                f"{_number(decisive['value'])}, above its noise floor of "
                f"{_number(decisive['floor'])}: more than chance makes."
            )


def _confounded(attributes: Mapping[str, Any], stratum: str | None) -> Iterator[str]:
    if stratum is None:
        return
    for name, group, measure, gap in _gaps(attributes):
        within = gap["within"]
        if gap["above"] and within["value"] is not None and not within["above"]:
            yield (
                f"{name}: the {NOUNS[measure]} gap of {group} is {_number(gap['value'])} pooled, "
                f"above its noise floor of {_number(gap['floor'])}, but "
                f"{_number(within['value'])} within {stratum}, below its floor of "
                f"{_number(within['floor'])}: it comes with the {stratum}, and none is shown "
                f"within one."
            )


def _number(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)
