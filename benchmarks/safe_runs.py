"""A small trained run of each of the six tasks, on data that is made here."""

import csv
import json
import os
import random
from collections.abc import Iterable, Sequence
from contextlib import chdir
from pathlib import Path

from torchedu.cli import main

FAST = ("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false")
WORDS = ("the", "cat", "dog", "sat", "ran", "home", "gap", "is", "closed", "because", "it", "why")
TASKS = ("tracing", "recommendation", "risk", "grading", "lessons", "explanation")


def small_runs(folder: Path, tasks: Sequence[str] = TASKS) -> dict[str, Path]:
    """Train a run of each task in a folder, which keeps their words; return the runs' folders."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    data, runs = folder / "data", folder / "runs"
    data.mkdir(parents=True)
    encoder = _encoder(data / "encoder") if {"grading", "lessons"} & {*tasks} else None
    about = {
        "tracing": (_answers, "answers.csv", ["--model.net", "ItemDKT", "--model.net.dim", "8"]),
        "recommendation": (
            _enrolments,
            "courses.csv",
            ["--model", "CourseRecommendation", "--model.net.dim", "8"],
        ),
        "risk": (_events, "events.csv", ["--model", "AtRisk", "--model.net.dim", "8"]),
        "grading": (
            _essays,
            "essays.csv",
            ["--model", "EssayGrading", "--data.encoder", str(encoder)],
        ),
        "lessons": (
            _lessons,
            "lessons.csv",
            ["--model", "TranscriptTagging", "--data.encoder", str(encoder)],
        ),
        "explanation": (
            _chats,
            "chats.jsonl",
            ["--model", "MathExplanation", "--model.net", json.dumps(_causal_lm()),
             "--data.vocab_size", "400", "--data.max_tokens", "128", "--data.batch_tokens", "500",
             "--model.max_new_tokens", "8"],
        ),
    }  # fmt: skip
    found, said = {}, {}
    with chdir(folder):
        for task in tasks:
            write, name, words = about[task]
            write(data / name, random.Random(0))
            words = ["--data.path", str(data / name), *words, *FAST]
            asked = [*words, "--trainer.max_epochs", "2", "--run", str(runs / task)]
            assert main(["fit", *asked]) == 0, task
            found[task], said[task] = runs / task, words
    (folder / "words.json").write_text(json.dumps(said))
    return found


def _write(file: Path, heading: str, rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(heading.split())
        writer.writerows(rows)


def _answers(file: Path, drawn: random.Random) -> None:
    rows = [
        (
            f"s{i}",
            f"q{drawn.randrange(9)}",
            f"k{drawn.randrange(3)}",
            int(drawn.random() < i / 60),
            t,
        )
        for i in range(60)
        for t in range(12)
    ]
    _write(file, "student item skill correct time", rows)


def _enrolments(file: Path, drawn: random.Random) -> None:
    rows = []
    for i in range(60):
        course = drawn.randrange(20)
        taken = ((course + 2 * t) % 20 for t in range(3 + i % 6))
        rows += [(f"s{i}", f"c{one}", t, "fm"[i % 2]) for t, one in enumerate(taken)]
    _write(file, "student course time gender", rows)


def _events(file: Path, drawn: random.Random) -> None:
    rows: list[tuple[object, ...]] = []
    for year in ("2013", "2014"):
        course = ("maths", year)
        rows += [("", *course, "starts", 0, "", "", ""), ("", *course, "ends", 60, "", "", "")]
        rows += [("", *course, "due", 10 * n, f"w{n}", "test", 0.3) for n in range(1, 4)]
        for i in range(40):
            student, good = f"s{year}{i}", drawn.random()
            rows.append((student, *course, "registered", -5, "", "", ""))
            rows += [
                (student, *course, "clicked", day, "", "", 1 + drawn.randrange(9))
                for day in range(0, 60, 3)
                if drawn.random() < good
            ]
            rows += [
                (student, *course, "submitted", 10 * n - 1, f"w{n}", "", round(good, 2))
                for n in range(1, 4)
            ]
            rows.append((student, *course, "outcome", 60, "", "", "Pass" if good > 0.4 else "Fail"))
    _write(file, "student course presentation event day work type value", rows)


def _essays(file: Path, drawn: random.Random) -> None:
    rows = []
    for i in range(80):
        length = drawn.randrange(5, 40)
        said = " ".join(drawn.choice(WORDS) for _ in range(length))
        rows.append((f"e{i}", "hats", f"{said}.", 1 + length // 8, 1, 6))
    _write(file, "id prompt text score low high", rows)


def _lessons(file: Path, drawn: random.Random) -> None:
    rows = []
    for n in range(12):
        for turn in range(12):
            teacher = turn % 2 == 0
            tag = drawn.choice(("press", "revoice") if teacher else ("claim", "ask"))
            said = f"{' '.join(drawn.choice(WORDS) for _ in range(5))} {tag}"
            tags = (tag, "") if teacher else ("", tag)
            rows.append((f"l{n}", "T" if teacher else "Ana", "teacher" if teacher else "student",
                         said, turn, *tags))  # fmt: skip
    _write(file, "transcript speaker role sentence turn teacher_tag student_tag", rows)


def _chats(file: Path, drawn: random.Random) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for i in range(60):
            asked = {"role": "user", "content": f"Ann has {i} apples and gets one. How many?"}
            said = {"role": "assistant", "content": f"Add {i} and 1. {i} + 1 = {i + 1}."}
            stream.write(json.dumps({"messages": [asked, said]}) + "\n")


def _causal_lm() -> dict[str, object]:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "max_position_embeddings": 128, "model_type": "llama"}
    return {"class_path": "torchedu.CausalLM", "init_args": {"config": {**sizes, **heads}}}


def _encoder(folder: Path) -> Path:
    """Write a small encoder of random weights, of width 16 and 64 positions."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    cutter = Tokenizer(models.WordLevel({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    cutter.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=cutter, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    return folder
