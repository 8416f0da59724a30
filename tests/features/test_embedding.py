"""Vectors are made once, whatever is asked for how often, and survive being killed."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.encoders import WORDS, write_encoder
from torchedu.errors import ConfigError
from torchedu.features import embed, embedding
from torchedu.features.embedding import Precision
from torchedu.features.tokens import tokenize
from torchedu.models.text_encoder import TextEncoder, tokenizer
from torchedu.testing.launch import LaunchServer


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_encoder(tmp_path_factory.mktemp("models") / "encoder"))


def sentences(num: int, seed: int = 0) -> list[str]:
    drawn = np.random.default_rng(seed)
    return [" ".join(drawn.choice(WORDS, drawn.integers(1, 40))) for _ in range(num)]


def bare(texts: list[str], encoder: str) -> np.ndarray:
    """Embed texts that fit in one window, one by one, with nothing of ours but the pooling."""
    cutter, network = tokenizer(encoder), TextEncoder.pretrained(encoder)
    found = []
    with torch.no_grad():
        for text in texts:
            token_BL = torch.tensor([cutter(text)["input_ids"]])
            found.append(network(token_BL, torch.ones_like(token_BL, dtype=torch.bool))[0])
    return torch.stack(found).numpy()


def test_vectors_are_those_of_the_encoder(encoder: str, tmp_path: Path) -> None:
    texts = sentences(30)
    found = embed([*texts, texts[3]], encoder, tmp_path, window=64)
    assert (len(found), found.dim) == (31, 16)
    np.testing.assert_allclose(found[:30], bare(texts, encoder), atol=1e-5)
    assert np.array_equal(found[np.array([30])], found[np.array([3])])


def test_a_long_text_is_the_mean_of_its_windows_and_loses_nothing(
    encoder: str, tmp_path: Path
) -> None:
    words = sentences(1, seed=1)[0].split() * 20
    (found,) = embed([" ".join(words)], encoder, tmp_path, window=32)[:]
    tokens = tokenize([" ".join(words)], encoder, tmp_path, window=32)
    assert tokens.length[0] == len(words) + 2 * -(-len(words) // 30)
    parts = [" ".join(words[i : i + 30]) for i in range(0, len(words), 30)]
    weight = [len(part.split()) + 2 for part in parts]
    np.testing.assert_allclose(found, np.average(bare(parts, encoder), 0, weight), atol=1e-5)


def test_only_what_is_new_is_embedded(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, seen = sentences(12), []
    first = embed(texts[:8], encoder, tmp_path)
    fill = embedding._fill
    monkeypatch.setattr(
        embedding, "_fill", lambda part, *rest: (seen.append(len(part.keys)), fill(part, *rest))
    )
    assert np.array_equal(embed(texts[:8], encoder, tmp_path)[:], first[:])
    both = embed(texts, encoder, tmp_path)
    assert seen == [len({*texts} - {*texts[:8]})]
    assert np.array_equal(both[:8], first[:])
    embed(texts, encoder, tmp_path, pooling="cls")
    assert seen[-1] == len({*texts})


def test_what_are_no_vectors_is_made_anew_and_no_link_is_written_through(
    encoder: str, tmp_path: Path
) -> None:
    texts, kept = sentences(8), tmp_path / "kept"
    first = embed(texts, encoder, kept)[:]
    (home,) = kept.iterdir()
    (keys,) = home.glob("*.keys")
    for file, content in (
        (keys, keys.read_bytes()[:40]),
        (keys, keys.read_bytes()[32:] + keys.read_bytes()[:32]),  # in another order
        (keys.with_suffix(".vectors"), b"x" * 100),
        (home / "about.json", b"["),
    ):
        file.write_bytes(content)
        assert np.array_equal(embed(texts, encoder, kept)[:], first)
    mine = tmp_path / "mine"
    mine.write_text("the user's own")
    vectors = keys.with_suffix(".vectors")
    vectors.unlink()
    vectors.symlink_to(mine)
    with pytest.raises(ConfigError, match="is a link"):
        embed(texts, encoder, kept)
    home.rename(tmp_path / "elsewhere")
    home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link"):
        embed(sentences(3, seed=5), encoder, kept)
    assert mine.read_text() == "the user's own"


def test_half_the_size_is_nearly_the_same(encoder: str, tmp_path: Path) -> None:
    texts = sentences(10)
    whole, half = (embed(texts, encoder, tmp_path, precision=p)[:] for p in ("32", "bf16"))
    cosine = (whole * half).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.999
    with pytest.raises(ConfigError, match="precision"):
        embed(texts, encoder, tmp_path, precision="16")  # type: ignore[arg-type]


@pytest.mark.parametrize(("factor", "precision"), [(torch.nan, "32"), (1e6, "bf16")])
def test_vectors_that_are_no_numbers_are_told(
    factor: float, precision: Precision, tmp_path: Path
) -> None:
    name = write_encoder(tmp_path / "model")
    weights = load_file(name / "model.safetensors")
    last = {key: value * factor for key, value in weights.items() if "output.LayerNorm" in key}
    save_file({**weights, **last}, name / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match="makes vectors that are no numbers"):
        embed(sentences(3), str(name), tmp_path / "kept", precision=precision)


def killed_half_way(texts: list[str], encoder: str, folder: Path) -> None:
    """Embed until the process is killed between two chunks."""
    embedding.CHUNK_TOKENS, real, calls = 200, embedding._vectors, []

    def vectors(*words: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words)  # type: ignore[arg-type]

    embedding._vectors = vectors  # type: ignore[assignment]
    embed(texts, encoder, folder)


def shared(texts: list[str], encoder: str, folder: Path) -> int:
    """Embed a rank's share, and return how many texts it embedded itself."""
    from torch import distributed

    distributed.init_process_group("gloo")
    embedding.CHUNK_TOKENS, real, own = 200, embedding._vectors, []

    def vectors(network: object, tokens: object, mine: np.ndarray, device: object) -> object:
        own.append(len(mine))
        return real(network, tokens, mine, device)  # type: ignore[arg-type]

    embedding._vectors = vectors  # type: ignore[assignment]
    found = embed(texts, encoder, folder)
    assert np.isfinite(found[:]).all()
    assert found[:].any(1).all()
    return sum(own)


@pytest.mark.timeout(240)
def test_what_was_killed_goes_on_and_ranks_share_the_work(
    encoder: str, tmp_path: Path, launch: LaunchServer
) -> None:
    texts = sentences(60)
    killed = launch.start(killed_half_way, texts, encoder, tmp_path / "killed")
    ranks = launch.start(shared, texts, encoder, tmp_path / "shared", ranks=2)
    assert killed.wait(timeout=120) == [-signal.SIGKILL]
    (part,) = embedding._parts(next((tmp_path / "killed").iterdir()), 16, "32")
    before = int(part.done.sum())
    assert 0 < before < len(part.done)
    again: list[int] = []
    real = embedding._vectors
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            embedding,
            "_vectors",
            lambda n, t, mine, d: (again.append(len(mine)), real(n, t, mine, d))[1],
        )
        found = embed(texts, encoder, tmp_path / "killed")
    assert sum(again) == len(part.done) - before
    np.testing.assert_allclose(found[:], bare(texts, encoder), atol=1e-5)
    assert ranks.wait(timeout=120) == [0, 0]
    own = [ranks.result(rank) for rank in (0, 1)]
    assert sum(own) == len({*texts})
    assert min(own) > 0.3 * sum(own)
    np.testing.assert_allclose(embed(texts, encoder, tmp_path / "shared")[:], found[:], atol=1e-6)
