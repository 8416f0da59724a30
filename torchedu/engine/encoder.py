"""The models that read, heard and saw what a network was trained on, opened again for others."""

from collections.abc import Mapping, Sequence
from typing import Any

from torchedu.companions import Companions
from torchedu.errors import CheckpointError
from torchedu.features import Embedder, Tokens, tokenize
from torchedu.features.log_mel import LogMel
from torchedu.features.pictures import PictureStates, Pixels
from torchedu.features.speech import SpeechStates
from torchedu.features.tokens import tokenizer_key
from torchedu.schema import ENCODER

HEARD = 0
"""Place of what hears recordings among the names of encoders; what reads texts is the last."""
SEEN = 1
"""Place of what looks at photographs, where a network does."""


def embedder(known: Companions) -> Embedder:
    """Return what makes vectors of texts as those were made that a network was trained on.

    Args:
        known: What its weights belong to.

    Raises:
        CheckpointError: They do not say by what, or another model stands in its place.
        ConfigError: There is no such model.
    """
    how = _reading(known)
    names = ("encoder", "pooling", "layers", "window", "precision")
    embedder = Embedder(**{name: how[name] for name in names})
    _same(known, embedder.key, str(how["encoder"]))
    return embedder


def listener(known: Companions) -> LogMel | SpeechStates:
    """Return what makes frames of recordings as those were made that a network was trained on.

    Args:
        known: What its weights belong to.

    Raises:
        CheckpointError: Another model stands in the place of the one that heard them.
        ConfigError: There is no such model.
    """
    how = known.reading
    if how.get("speech") is None:
        return LogMel(int(how["rate"]), int(how["bands"]))
    states = SpeechStates(str(how["speech"]), int(how["rate"]), float(how["seconds"]))
    _same(known, states.name, str(how["speech"]), HEARD)
    return states


def viewer(known: Companions) -> Pixels | PictureStates | None:
    """Return what makes of photographs what was made of those that a network was trained on.

    Args:
        known: What its weights belong to.

    Returns:
        It; None where the network looks at no photographs.

    Raises:
        CheckpointError: Another model stands in the place of the one that looked at them.
        ConfigError: There is no such model.
    """
    how = known.reading
    if how.get("pixels") is None:
        return None
    if how["vision"] is None:
        return Pixels(int(how["pixels"]))
    states = PictureStates(str(how["vision"]))
    _same(known, states.name, str(how["vision"]), SEEN)
    return states


def tokens_of(known: Companions, texts: Sequence[str], pairs: Sequence[str] | None) -> Tokens:
    """Return texts as the tokens that a network reads.

    Args:
        known: What its weights belong to.
        texts: The texts.
        pairs: A second text for each, or none.

    Raises:
        CheckpointError: They do not say by what, or another tokenizer stands in its place.
    """
    how = _reading(known)
    _same(known, tokenizer_key(how["encoder"]), str(how["encoder"]))
    return tokenize(texts, how["encoder"], None, pairs=pairs, window=how["window"])


def _reading(known: Companions) -> Mapping[str, Any]:
    if "encoder" not in known.reading:
        raise CheckpointError(
            "the checkpoint does not say which model read its texts.",
            "Use one written by this torchedu.",
        )
    return known.reading


def _same(known: Companions, key: str, encoder: str, place: int = -1) -> None:
    if key not in known.vocabulary[ENCODER]:
        wanted = list(known.vocabulary[ENCODER])[place]
        raise CheckpointError(
            f"the model {encoder} is not the one that the network was trained with ({key}, where "
            f"{wanted} was).",
            "Put that one in its place.",
        )
