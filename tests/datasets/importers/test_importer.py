"""A kind of data of a package of one's own, with columns, store and option of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from torchedu.cli import main
from torchedu.datamodules.stored import stored
from torchedu.datasets import Store, StoreWriter
from torchedu.datasets.importers import (
    BadRows,
    Importer,
    Reading,
    Sieve,
    describe_data,
    formats,
    guess_format,
    import_data,
)
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.numbering import Numbering
from torchedu.datasets.importers.reading.tables import Delimited
from torchedu.errors import ConfigError, DataError, command_line
from torchedu.schema import RESERVED, Column, Names, Vocabulary

COLUMNS = (
    Column("book", True, "a name", ("title",)),
    Column("stars", True, "a number", ("rating",)),
)


class RatingStore(Store):
    """What readers think of books."""

    holds: ClassVar[str] = "ratings"
    made_by: ClassVar[str] = "ratings"
    mark: ClassVar[tuple[str, str]] = ("ratings", "stars")

    @property
    def counts(self) -> dict[str, int]:
        """How much it holds."""
        return {"ratings": self.num_rows("ratings")}


@dataclass(kw_only=True)
class Ratings(Delimited, Importer):
    """Ratings of books.

    Args:
        most: Most stars that a book can have.
    """

    store = RatingStore
    name = "ratings"
    reads = "a CSV file, a row a rating"
    suffixes = (".ratings",)
    schema = COLUMNS
    most: Literal[5, 10] = 5

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Check all ratings and write them."""
        books, found = Numbering(), []
        for piece in reading.pieces:
            sieve = Sieve(piece, bad)
            stars, wrong = values.numbers(piece.batch.column("stars"))
            sieve.refuse("the stars are no number", wrong, column="stars")
            sieve.refuse("more stars than there are", stars > self.most, column="stars")
            book = books.encode(values.encoded(piece.batch.column("book")))
            found.append((book[sieve.keep] + RESERVED, stars[sieve.keep] / self.most))
        with StoreWriter(out) as writer:
            writer.vocabulary = Vocabulary({"book": Names(list(books.numbers))})
            writer.about = about | {"dropped": bad.dropped}
            table = writer.table("ratings", {"book": "int32", "stars": "float32"})
            for book, stars in found:
                table.append(len(book), {"book": book, "stars": stars}, {})


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Give a file of ratings, one of them out of range."""
    file = tmp_path / "a.ratings"
    file.write_text("title,rating\nEmma,5\nUlysses,3\nEmma,11\n")
    return file


def test_its_rows_become_a_store_of_its_own(raw: Path, tmp_path: Path) -> None:
    store = import_data("ratings", raw, tmp_path / "s", {"on_bad_row": "drop"})
    assert isinstance(store, RatingStore)
    store.verify()
    assert store.values("ratings", "book").tolist() == [2, 3]
    assert np.allclose(store.values("ratings", "stars"), [1, 0.6])
    assert list(store.vocabulary["book"]) == ["Emma", "Ulysses"]
    assert store.about["importer"] == "ratings"
    assert store.about["options"] == {"on_bad_row": "drop"}
    (reason,) = store.about["dropped"].values()
    assert reason == {"rows": 1, "first": [f"{raw.name}, row 4"]}
    assert describe_data(tmp_path / "s")["ratings"] == 2


def test_a_bad_row_ends_the_import_and_leaves_nothing(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.ratings, row 4: more stars than there are"):
        import_data("ratings", raw, tmp_path / "s")
    assert [file.name for file in tmp_path.iterdir()] == [raw.name]


def test_its_options_are_those_of_the_command(raw: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "s"
    words = ["data", "import", "ratings", str(raw), str(out), "--on_bad_row", "drop"]
    assert main([*words, "--most", "10", "--columns.stars", "rating"]) == 0
    assert "2 ratings" in capsys.readouterr().out
    assert Store(out).about["options"]["columns"] == {"stars": "rating"}
    with pytest.raises(SystemExit):
        main(["data", "import", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Most stars that a book can have (ratings)" in said
    assert "ratings: a CSV file, a row a rating" in said
    assert main([*words, "--columns.stars", "none"]) == 2
    assert "(--columns.stars)" in capsys.readouterr().err


def test_a_value_that_an_option_cannot_have_is_told(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^most is 7\.\nAllowed: 5, 10\.") as caught:
        import_data("ratings", raw, tmp_path / "s", {"most": 7})
    assert caught.value.option == "most"
    assert caught.value.allowed == (5, 10)
    with pytest.raises(ConfigError, match="ratings has no option groups"):
        import_data("ratings", raw, tmp_path / "s", {"groups": ["a"]})


def test_a_data_module_finds_it_by_its_name(raw: Path, tmp_path: Path) -> None:
    assert guess_format(raw, RatingStore) == "ratings"
    assert list(formats(RatingStore)) == ["ratings"]
    with pytest.raises(DataError) as caught:
        stored(RatingStore, str(raw), None, {"columns": {"stars": "no"}}, {"path", "columns"})
    assert "(--data.columns.stars)" in caught.value.render(command_line)
    with pytest.raises(DataError) as caught:
        stored(RatingStore, str(raw), None, {}, {"path", "columns"})
    said = caught.value.render(command_line)
    assert "give --on_bad_row drop. It is an option of torchedu data import." in said


def test_an_importer_without_a_reader_is_none() -> None:
    class Half(Ratings):
        """A class that takes its name from another."""

    assert formats(RatingStore)["ratings"] is Ratings
    with pytest.raises(TypeError, match="abstract"):
        Importer()  # type: ignore[abstract]
