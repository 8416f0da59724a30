"""What may be said of what weights belong to, wherever it is read."""

from typing import Any

import torch
from torch import Tensor, nn

from torchedu.strict import (
    Form,
    Look,
    Unfit,
    json_value,
    listed,
    number,
    record,
    table,
    text,
    whole,
)

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""The files of a tokenizer that a checkpoint holds."""


def tensor(value: Any, look: Look) -> None:
    """Tensors of plain numbers, which take no more memory than the file gives them."""
    if type(value) not in (Tensor, nn.Parameter):
        raise Unfit(f"of the type {type(value).__name__} and not a tensor")
    if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
        raise Unfit("a tensor without plain numbers")
    if value.numel() * value.itemsize > value.untyped_storage().nbytes():
        raise Unfit(f"a tensor of the shape {tuple(value.shape)}, whose numbers are not all there")


def _table(dtype: torch.dtype, dims: int) -> Form:
    """Tables of numbers, as a tensor or as lists of lists."""
    rows = whole() if dtype == torch.int64 else number()
    for _ in range(dims):
        rows = listed(rows)

    def form(value: Any, look: Look) -> None:
        if isinstance(value, Tensor):
            tensor(value, look)
        else:
            rows(value, look)
            try:
                value = torch.tensor(value, dtype=dtype)
            except ValueError:
                raise Unfit("a list of rows of unequal length") from None
        if value.dtype != dtype or value.ndim != dims:
            raise Unfit(f"a table of {value.dtype} and {value.ndim} dimensions")

    return form


names = table(listed(text(), most=50_000_000))
"""A vocabulary: names by kind."""
_beside = record(
    {
        "vocabulary": names,
        "fixed": listed(text()),
        "columns": table(listed(text())),
        "item_skills": _table(torch.int64, 2),
        "ranges": _table(torch.float32, 3),
        "answered": _table(torch.float32, 1),
        "tokenizer": record({file: text(most=1 << 28) for file in TOKENIZER_FILES}),
        "thresholds": listed(table(json_value)),
        "base": text(r"[0-9a-f]{16}", 16, "a checksum"),
        "reading": table(json_value),
    },
    ("vocabulary",),
)


def companions(value: Any, look: Look) -> None:
    """What weights belong to, as ``Companions.content`` and its JSON tell it."""
    _beside(value, look)
    for kind, held in value["vocabulary"].items():
        if len(set(held)) < len(held):
            raise Unfit("a list in which a name stands twice", kind, "vocabulary")
    for name, (rows, values) in {
        "item_skills": ("item", "skill"),
        "ranges": ("prompt", ""),
        "answered": ("item", ""),
    }.items():
        if name not in value:
            continue
        row = torch.as_tensor(value[name])
        ids, most = (2 + len(value["vocabulary"].get(kind, ())) for kind in (rows, values))
        inside = not values or not row.numel() or (row.min() >= 0 and row.max() < most)
        if len(row) != ids or not inside:
            raise Unfit(f"a table of other names than those of each {rows}", name)
