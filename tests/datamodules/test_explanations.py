import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from torchedu import Explanations
from torchedu.companions import Companions
from torchedu.errors import ConfigError, DataError
from torchedu.readers.chat_tokenizer import ChatTokenizer

pytest.importorskip("transformers", reason="needs the package transformers")


@pytest.fixture(scope="module")
def data(
    chat_store: Path, tokenizer: ChatTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Explanations:
    folder = tmp_path_factory.mktemp("tokenizer") / "own"
    tokenizer.save(folder)
    return Explanations(str(chat_store), str(folder), max_tokens=128, batch_tokens=500)


def test_a_step_holds_as_many_tokens_as_asked(data: Explanations) -> None:
    tokens = [int((batch.text_BL >= 0).sum()) for batch in data.train_dataloader()]
    assert len(tokens) == data.steps_per_epoch
    assert np.mean(tokens) == pytest.approx(500, rel=0.2)
    length = data.batches("train").windows.length
    assert sum(tokens) == length.sum()


def test_a_step_is_divided_by_all_that_is_scored(data: Explanations) -> None:
    for batch in data.train_dataloader():
        assert batch.mean_over_B[0] == batch.scored_BL.sum()


def test_steps_hold_conversations_of_like_lengths(data: Explanations) -> None:
    padded = sum(batch.token_BL.numel() for batch in data.train_dataloader())
    assert padded < 1.25 * data.batches("train").windows.length.sum()


def test_what_is_scored_stands_text_by_text(chat_store: Path, data: Explanations) -> None:
    packed = Explanations(
        str(chat_store), max_tokens=128, batch_tokens=500, packing=True, vocab_size=400
    )
    assert all(batch.place_BL.shape[1] for batch in packed.train_dataloader())
    assert not any(batch.place_BL.shape[1] for batch in packed.test_dataloader())


def test_long_conversations_are_cut_and_counted(chat_store: Path, data: Explanations) -> None:
    longest = int(data.batches("train").windows.length.max())
    short = Explanations(str(chat_store), max_tokens=longest - 5, batch_tokens=500, vocab_size=400)
    short.use(Companions(tokenizer=data.tokenizer.files))
    with pytest.warns(UserWarning, match="of the train part are cut off at max_tokens"):
        assert short.batches("train").windows.length.max() == longest - 5


def chats(file: Path, count: int) -> Path:
    messages = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    rows = [json.dumps({"messages": messages, "problem": f"{i}"}) for i in range(count)]
    file.write_text("\n".join(rows), "utf-8")
    return file


def test_a_file_of_chats_is_imported_once(tmp_path: Path) -> None:
    file = chats(tmp_path / "own.jsonl", 30)
    first = Explanations(str(file), vocab_size=300)
    made = (first.store.path / "manifest.json").stat().st_mtime_ns
    again = Explanations(str(file), vocab_size=300)
    assert (again.store.path / "manifest.json").stat().st_mtime_ns == made
    assert again.tokenizer.checksum == first.tokenizer.checksum
    assert [len(rows) for rows in again.parts.values()] == [25, 2, 3]
    other = chats(tmp_path / "own.ndjson", 3)
    assert Explanations(str(other)).store.path == tmp_path / "own.ndjson.store"
    assert (first.store.path / "manifest.json").stat().st_mtime_ns == made


def test_what_cannot_be_is_told(tmp_path: Path, chat_store: Path, class_store: Path) -> None:
    with pytest.raises(DataError, match="the train part is empty"):
        _ = Explanations(str(chats(tmp_path / "one.jsonl", 1))).parts
    with pytest.raises(DataError, match="holds no conversations"):
        Explanations(str(class_store)).prepare_data()
    with pytest.raises(ConfigError, match=r"val is 0\.7"):
        Explanations(str(chat_store), val=0.7)
    with pytest.raises(ConfigError, match="vocab_size is 10"):
        Explanations(str(chat_store), vocab_size=10)
    with pytest.raises(ConfigError, match="at least 300 and at most 1,000,000"):
        Explanations(str(chat_store), vocab_size=2**31)


def test_no_file_of_a_tokenizer_has_another_name_and_none_names_code(
    tokenizer: ChatTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spare").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spare"))  # it opens a folder there
    named = {"AutoTokenizer": ["owner/model--code.Tokenizer", None]}
    config = {**json.loads(tokenizer.files["tokenizer_config.json"]), "auto_map": named}
    config |= {"vocab_file": "../../x", "name_or_path": "owner/model"}
    files = {**tokenizer.files, "tokenizer_config.json": json.dumps(config), "../../escaped": "x"}
    opened = ChatTokenizer(files)
    assert opened.files.keys() == tokenizer.files.keys()
    assert opened.ends == tokenizer.ends
    assert not (tmp_path / "escaped").exists()
    with pytest.raises(ConfigError, match="cannot be opened"):
        ChatTokenizer({**tokenizer.files, "tokenizer_config.json": "[" * 500})
