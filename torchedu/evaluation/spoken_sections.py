"""What a report shows of spoken answers: how surely they are graded, by what, and of whom."""

from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datamodules import SpokenAnswers
from torchedu.datasets.audio import wave_file
from torchedu.evaluation.sections import lacking
from torchedu.evaluation.side_by_side import Models
from torchedu.metrics.grades import LIKELY, graded, interval, pcc_within, surely
from torchedu.metrics.paired import AGREEMENT, without_each
from torchedu.prediction.stream import Columns
from torchedu.sections import Clip, HeatMap, Section, Table

CHANNELS = {
    "chance": "all that there is", "typed": "the text alone", "spoken": "the sound alone",
    "photographed": "the photograph alone",
}  # fmt: skip
CLAIM = 20
"""Speakers below whom no score says what one of another speaker would be."""
COLUMNS, ROWS = 60, 20
"""Of a picture of sound."""
LISTENED = 15
"""Seconds of a recording that a page plays, which it holds itself."""
LINE = 8_000
"""Characters of a line of what a page plays."""

Values = NDArray[np.float64]


def by_channel(
    known: Columns, target: Values, names: list[str], places: NDArray[Any]
) -> tuple[list[dict[str, Any]], Section]:
    """Score grades by all there is of an answer, and by each part of it alone.

    Args:
        known: What was predicted; the columns of ``domains.spoken.Heard``.
        target: What people gave, in 0..1; shape (answers, scores).
        names: The scores' names.
        places: Places on each score's scale.
    """
    measured = []
    for y, name in enumerate(names):
        for column, by in CHANNELS.items():
            chance = known[column][:, y].astype(float)
            mine = chance.any(1) & np.isfinite(target[:, y])
            if not mine.any():
                continue
            chance, true, number = chance[mine], target[mine, y], int(places[y])
            low, high = interval(chance, number)
            # Of a yes or no an interval says nothing that the chance does not.
            step = 0.5 / max(1, number - 1)
            inside = (true >= low - step) & (true <= high + step)
            value = chance @ np.arange(chance.shape[1]) / max(1, number - 1)
            measured.append({
                "score": name, "by": by, "answers": int(mine.sum()),
                **graded(value, true, number), "calibration_error": surely(chance, true, number),
                "width": float((high - low).mean()), "inside": float(inside.mean()),
            })  # fmt: skip
    title = "By what it was graded"
    if not measured:
        return measured, lacking(title, "People graded none of these answers.")
    headings = ["score", "by", "answers", "AUC or PCC", "calibration error",
                f"width of {LIKELY:.0%} intervals", "true scores in them"]  # fmt: skip
    table = [
        [row["score"], row["by"], row["answers"], row.get("auc", row.get("pcc")),
         row["calibration_error"], row["width"], row["inside"]]
        for row in measured
    ]  # fmt: skip
    sentence = (
        "Each answer is graded by all that there is of it, and again as if nothing but its text, "
        "its recording or its photograph were there. The calibration error says how far chances "
        "lie from what came true. Widths are shares of the scale: where less is known, intervals "
        "are wider."
    )
    return measured, Section(title, sentence, [Table(headings, table, bars=(6,))])


def within_speakers(
    models: Models[Values],
    target: Values,
    owner: NDArray[np.int64],
    over: NDArray[np.int64],
    names: list[str],
    places: NDArray[Any],
) -> tuple[list[dict[str, Any]], Section]:
    """Score what is above or below a speaker's own mean: who speaks well is no help there.

    Args:
        models: What each model gave, in 0..1; shape (answers, scores) each.
        target: What people gave, likewise.
        owner: The speaker of each answer.
        over: What intervals are over.
        names: The scores' names.
        places: Places on each score's scale.
    """
    measured = []
    for y, name in enumerate(names):
        mine = np.isfinite(target[:, y])
        for model, (_, said) in models.items():
            own, true, who = said[mine, y], target[mine, y], owner[mine]
            known = without_each(
                lambda some, own=own, true=true, who=who: pcc_within(  # type: ignore[misc]
                    own[some], true[some], who[some]
                ),
                over[mine],
                AGREEMENT,
            ).plain()
            measured.append({"score": name, "model": model, **known})
    speakers = len(np.unique(owner))
    title = "Within speakers"
    table = [
        [row["score"], row["model"], row["value"], row["low"], row["high"]] for row in measured
    ]
    unit = "answers" if len(np.unique(over)) > speakers else "speakers"
    sentence = (
        "How far grades go with people's among the answers of one speaker (PCC of what is above or "
        f"below the speaker's own mean), with the ends of a 95 % interval over {unit}."
    )
    if speakers < CLAIM:
        some = "one speaker" if speakers == 1 else f"{speakers} speakers"
        sentence += (
            f"\nThese answers are of {some}: no number here carries a claim for a new speaker."
        )
    return measured, Section(
        title, sentence, [Table(["score", "model", "PCC", "from", "to"], table)]
    )


def heard(
    data: SpokenAnswers, known: Columns, target: Values, names: list[str], places: NDArray[Any]
) -> Section:
    """Play one recording and show its frames, of an answer that the network was least sure of."""
    title = "One answer to listen to"
    chance = known["chance"][:, 0].astype(float)
    low, high = interval(chance, int(places[0]))
    spoken = data.store.recording[known["answer"]] >= 0
    if not spoken.any():
        return lacking(title, "None of these answers has a recording.")
    at = int(np.where(spoken, high - low, -1).argmax())
    row = int(known["answer"][at])
    frame_IF = data.how(data.store.sound(row))
    shown = _coarser(_coarser(frame_IF, COLUMNS).T, ROWS)[::-1]
    shown = (shown - shown.min()) / max(float(np.ptp(shown)), 1e-9)
    value = float(chance[at] @ np.arange(chance.shape[1])) / max(1, int(places[0]) - 1)
    ends = np.array([value, low[at], high[at]])
    least, most = (
        data.companions.ranges[-1, 0, :2] if data.companions.ranges is not None else (0, 1)
    )
    given = [f"{number:.3g}" for number in (least + ends * (most - least)).tolist()]
    true = target[at, 0]
    people = f"{least + true * (most - least):.3g}" if np.isfinite(true) else "nothing"
    seconds = len(frame_IF) * data.how.hop / data.how.rate
    bands = [f"band {round((i + 1) * data.bands / len(shown))}" for i in range(len(shown))][::-1]
    return Section(
        title,
        f"Answer row {row}, {seconds:.1f} seconds: for {names[0]} the network gives {given[0]} and "
        f"expects it from {given[1]} to {given[2]}; people gave {people}. It is the one with the "
        "widest interval. Dark is loud; high pitches are above, time goes to the right.",
        [
            _clip(data.store.sound(row), data.store.rate),
            HeatMap(f"time, in {len(shown[0])} steps", bands, shown.tolist()),
        ],
        private=True,
    )


def _clip(samples: NDArray[np.int16], rate: int) -> Clip:
    """Return the beginning of a recording to listen to."""
    whole = len(samples) <= LISTENED * rate
    sound = b64encode(wave_file(samples[: LISTENED * rate], rate)).decode()
    title = "the recording" if whole else f"the first {LISTENED} seconds of the recording"
    return Clip(title, [sound[i : i + LINE] for i in range(0, len(sound), LINE)])


def _coarser(table: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return the means of so many stretches of rows at most."""
    stretches = np.array_split(table, min(most, len(table)))
    return np.stack([stretch.mean(0) for stretch in stretches])
