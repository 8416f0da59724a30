"""Texts that came out of a web page: their markup is taken off, since nobody wrote it."""

import html
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MARKUP = "{:,} {} had tags of HTML, which were taken off; ⟦keep_html⟧ true keeps them."
"""What is said of it, given how many and what they are."""
_BLOCKS = "p|div|br|li|ul|ol|tr|table|tbody|thead|h[1-6]|blockquote|pre|hr"
_INLINE = "span|b|i|u|em|strong|font|a|img|td|th|sup|sub|code|small|strike|o:p"
_TAG = rf"</?(?:{_BLOCKS}|{_INLINE})(?:\s[^<>]*)?/?>"
_NAMED = "nbsp|amp|lt|gt|quot|apos|[a-z]{1,6}(?:uml|acute|grave|sh)"
_ENTITY = rf"&(?:{_NAMED}|#\d{{1,7}}|#x[0-9a-f]{{1,6}});"

_MARKUP = rf"(?i){_TAG}|<!--|{_ENTITY}"
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(rf"(?:\s*</?(?:{_BLOCKS})(?:\s[^<>]*)?/?>)+\s*", re.IGNORECASE)
_ANY = re.compile(_TAG, re.IGNORECASE)


def without_markup(column: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.bool_]]:
    """Return texts without tags of HTML, blocks on lines of their own, and which had any.

    Args:
        column: The texts.
    """
    marked = pc.fill_null(pc.match_substring_regex(column, _MARKUP), False).to_numpy(False)
    rows = np.flatnonzero(marked)
    if not len(rows):
        return column, marked
    texts = column.to_pylist()
    for row in rows.tolist():
        texts[row] = _plain(texts[row])
    return pa.array(texts, pa.string()), marked


def _plain(text: str) -> str:
    text = _ANY.sub("", _BREAK.sub("\n", _HIDDEN.sub("", text)))
    return html.unescape(text).replace("\xa0", " ").strip()
