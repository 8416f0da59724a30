"""Writes the tables of formats in docs/data.md from the registry of formats."""

from pathlib import Path

from torchedu.datasets.importers import Importer, formats

PAGE = Path(__file__).parents[1] / "docs" / "data.md"
BEGIN, END = "<!-- formats -->", "<!-- end of formats -->"
REAL = {
    *("ednet", "tsv", "dkt_synthetic", "user_lists", "oulad", "asap", "semeval2013", "talkmoves"),
    *("gsm8k", "mathdial", "bridge", "fsdd", "speechocean762"),
}
"""Formats of which published files were read; all are tested on generated ones."""


def tables() -> str:
    """Return a table of formats for each kind of data."""
    ours = [kind for kind in formats().values() if kind.__module__.startswith("torchedu.")]
    parts = []
    for store in dict.fromkeys(kind.store for kind in ours):
        mine = [kind for kind in ours if kind.store is store]
        shared = set.intersection(*(set(kind.options()) for kind in mine))
        rows = [_row(kind, shared) for kind in mine]
        head = f"| of {store.holds} | reads | options of its own | checked on files that are |"
        parts.append("\n".join([head, "|---|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _row(kind: type[Importer], shared: set[str]) -> str:
    own = ", ".join(f"`{option}`" for option in kind.options() if option not in shared)
    checked = "published" if kind.name in REAL else "generated"
    return f"| `{kind.name}` | {kind.reads} | {own}{' ' * bool(own)}| {checked} |"


def written(page: str) -> str:
    """Return a page with the tables in their place."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
