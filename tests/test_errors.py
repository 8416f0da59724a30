import pytest

from torchedu.errors import (
    ConfigError,
    DataError,
    MissingExtraError,
    TorcheduError,
    allowed,
    command_line,
)


def test_two_lines_whatever_the_texts_hold() -> None:
    error = TorcheduError("a\nb\t c", "d\r\ne")
    assert str(error) == "a b c\nd e"
    assert (error.problem, error.remedy) == ("a\nb\t c", "d\r\ne")


def test_an_option_is_spelled_as_its_reader_writes_it() -> None:
    error = ConfigError(
        "⟦data.window⟧ is 1.",
        "Give ⟦data.window⟧ 2, or ⟦on_bad_row⟧ drop; not `a b`, `` or `model.net.`.",
        option="data.window",
        value=1,
        allowed=[2, 3],
    )
    rest = "not `a b`, `` or `model.net.`."
    assert str(error) == f"window is 1.\nGive window 2, or on_bad_row drop; {rest}"
    assert error.render(command_line) == (
        f"--data.window is 1.\nGive --data.window 2, or --on_bad_row drop; {rest}"
    )
    assert error.options() == ("data.window", "on_bad_row")
    assert error.to_json() == {
        "error": "ConfigError",
        "problem": "window is 1.",
        "remedy": f"Give window 2, or on_bad_row drop; {rest}",
        "option": "window",
        "value": 1,
        "allowed": [2, 3],
    }
    error.rename(lambda option: option.replace("data.", "model."))
    assert error.render(command_line).startswith("--model.window is 1.")
    assert error.option == "model.window"


@pytest.mark.parametrize(
    ("file", "row", "where"),
    [(None, None, ""), ("a.csv", None, "a.csv: "), ("a.csv", 7, "a.csv, row 7: ")],
)
def test_place_of_a_data_error(file: str | None, row: int | None, where: str) -> None:
    error = DataError("it is wrong.", "mend it.", file=file, row=row)
    assert str(error) == f"{where}it is wrong.\nmend it."
    assert (error.file, error.row) == (file, row)
    assert error.to_json().items() >= {"file": file, "row": row}.items()


def test_missing_extra_says_how_to_install() -> None:
    assert "pip install 'torchedu[plots]'" in str(MissingExtraError("A report", "jinja2", "plots"))


def test_allowed() -> None:
    assert allowed("fitt", ["fit", "test"]) == "Allowed: fit, test. Did you mean fit?"
    assert allowed("zzz", ["fit", "test"]) == "Allowed: fit, test."
    assert allowed("x", []) == "Allowed: none."
    many = [f"name{i}" for i in range(20)]
    assert allowed("name19", many) == (
        f"Allowed: {', '.join(many[:12])} and 8 more. Did you mean name19?"
    )
