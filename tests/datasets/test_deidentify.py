import json
from pathlib import Path
from typing import Any

import pytest

from torchedu.cli import main
from torchedu.datasets.importers import import_data

pytest.importorskip("phonenumbers", reason="needs the package phonenumbers")

from torchedu.datasets.deidentify import Mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("My name is Zoë O'Neil and I am 9.", "My name is [name] and I am 9."),
        ("Ask Mrs. Lee-Park, please.", "Ask Mrs. [name], please."),
        ("Write to a.b+c@mail.school.org.", "Write to [mail]."),
        ("Call 212-555-2368 or +44 20 7946 0958!", "Call [phone] or [phone]!"),
        ("My student ID is 20817-x, s1234567.", "My student ID is [id], [id]."),
        ("Anna's dog and Anna Lena sat, Lena.", "[name]'s dog and [name] [name] sat, [name]."),
        # Mathematics, code and plain words stay as they are.
        ("1234567 + 89 = 1234656, and 3.14159265", None),
        ("The student asked 12 pupils: is x2 > 10?", None),
        ("A gap of 2,000,000 miles; v1.0 in class 7b", None),
        ("anna is no name here, nor is annals", None),
    ],
)  # fmt: skip
def test_people_are_masked_and_numbers_stay(text: str, masked: str | None) -> None:
    assert Mask(["Anna Lena Student", "T"])(text) == (text if masked is None else masked)


def holds(folder: Path, words: str) -> bool:
    return any(words.encode() in f.read_bytes() for f in folder.rglob("*") if f.is_file())


SAID = "I am called Zorblax Quint, 212-555-2368, z@q.org."
LESSON = f'transcript,speaker,sentence,role\nx,Bob,"{SAID}",student\nx,Eve,Well done Bob,teacher\n'
MESSAGES = [
    {"role": "user", "content": SAID},
    {"role": "assistant", "content": "Hello, z@q.org."},
]
RAW = {
    "texts": f'id,text,score,writer\n1,"{SAID} Bob did too.",3,Bob\n2,no,1,Eve\n',
    "transcripts": f"{LESSON}x,Ann,Me too,student\n",
    "chats": json.dumps({"messages": MESSAGES}) + "\n",
}


@pytest.mark.parametrize("format", RAW)
def test_what_was_written_or_said_is_masked_at_import_and_counted(
    format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / f"raw.{'jsonl' if format == 'chats' else 'csv'}"
    raw.write_text(RAW[format], "utf-8")
    out = tmp_path / "out.store"
    more = ["--groups", "writer"] if format == "texts" else []
    assert main(["data", "import", format, str(raw), str(out), "--deidentify", "true", *more]) == 0
    said = capsys.readouterr().out
    assert "Masked: " in said
    assert ("2 mail addresses" if format == "chats" else "1 mail addresses") in said
    for planted in ("Zorblax", "Quint", "555", "z@q.org"):
        assert not holds(out, planted), planted
    if format == "transcripts":
        store: Any = import_data(format, raw, out, {"deidentify": True})
        assert store.speaker_names(range(3)) == ["student 1", "teacher 1", "student 2"]
        assert store.sentences([1]) == ["Well done [name]"]
        assert not holds(out, "Bob")
