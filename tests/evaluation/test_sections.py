from torchedu.evaluation.sections import alike, calibration, lacking, line, roc, table

ROWS = [{"week": 1, "auc": 0.5, "other": 9}, {"week": 2, "auc": None, "other": 9}]


def test_tables_and_lines_hold_what_is_asked_of_rows() -> None:
    shown = table(ROWS, {"auc": "AUC", "week": "week of the course"}, "weeks")
    assert list(shown.columns) == ["AUC", "week of the course"]
    assert shown.rows == [[0.5, 1], [None, 2]]
    assert shown.folded == "weeks"
    drawn = line(ROWS, "week", "auc", "net", "network")
    assert (drawn.x, drawn.y, drawn.name, drawn.kind) == ([1, 2], [0.5, None], "net", "network")


def test_curves_become_lines() -> None:
    points = {"false_positive_rate": [0, 1], "true_positive_rate": [0.5, 1]}
    ranking = roc("net", points, "network", ".7")
    assert (ranking.x, ranking.y, ranking.note) == ([0, 1], [0.5, 1], ".7")
    trust = calibration("net", {"predicted": [0.1], "observed": [0.2], "answers": [3]})
    assert (trust.x, trust.y) == ([0.1], [0.2])


def test_what_there_is_nothing_of_is_said() -> None:
    assert lacking("Weeks", "There are none.").lacking
    assert alike(None).lacking
    shown = alike({"words": ["No gap.", "Too few."]})
    assert (shown.sentence, shown.lacking) == ("No gap.\nToo few.", False)
