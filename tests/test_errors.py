import pytest

from torchedu.errors import DataError, MissingExtraError, TorcheduError, allowed


def test_two_lines_whatever_the_texts_hold() -> None:
    error = TorcheduError("a\nb\t c", "d\r\ne")
    assert str(error) == "a b c\nd e"
    assert (error.problem, error.remedy) == ("a\nb\t c", "d\r\ne")


@pytest.mark.parametrize(
    ("file", "row", "where"),
    [(None, None, ""), ("a.csv", None, "a.csv: "), ("a.csv", 7, "a.csv, row 7: ")],
)
def test_place_of_a_data_error(file: str | None, row: int | None, where: str) -> None:
    error = DataError("it is wrong.", "mend it.", file=file, row=row)
    assert str(error) == f"{where}it is wrong.\nmend it."
    assert (error.file, error.row) == (file, row)


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
