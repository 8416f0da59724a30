"""Months by their names in some thirty languages, as dates are written there."""

import unicodedata
from functools import cache

MONTHS = {
    "English": "jan feb mar apr may jun jul aug sep oct nov dec",
    "German": "jan feb mär apr mai jun jul aug sep okt nov dez",
    "French": "jan fév mar avr mai juin juil aoû sep oct nov déc",
    "Spanish": "ene feb mar abr may jun jul ago sep oct nov dic",
    "Portuguese": "jan fev mar abr mai jun jul ago set out nov dez",
    "Italian": "gen feb mar apr mag giu lug ago set ott nov dic",
    "Dutch": "jan feb maa apr mei jun jul aug sep okt nov dec",
    "Nordic": "jan feb mar apr maj jun jul aug sep okt nov des",
    "Finnish": "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
    "Estonian": "jaan veebr mär apr mai juuni juuli aug sept okt nov dets",
    "Polish": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "Czech": "led úno bře dub kvě červn červenc srp zář říj lis pro",
    "Slovak": "jan feb mar apr máj jún júl aug sep okt nov dec",
    "Hungarian": "jan feb már ápr máj jún júl aug szep okt nov dec",
    "Romanian": "ian feb mar apr mai iun iul aug sep oct noi dec",
    "Turkish": "oca şub mar nis may haz tem ağu eyl eki kas ara",
    "Greek": "ιαν φεβ μαρ απρ μαϊ ιουν ιουλ αυγ σεπ οκτ νοε δεκ",
    "Russian": "янв фев мар апр мая июн июл авг сен окт ноя дек",
    "Ukrainian": "січ лют бер кві тра чер лип сер вер жов лис гру",
    "Indonesian": "jan feb mar apr mei jun jul agu sep okt nov des",
    "Arabic": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "Hindi": "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
}
"""How the names of the twelve months begin, as they do in a date."""


def plain(word: str) -> str:
    """Return a word without accents and dots, in small letters."""
    letters = unicodedata.normalize("NFKD", word.casefold().replace("ı", "i"))
    return "".join(letter for letter in letters if letter.isalpha())


@cache
def _stems() -> dict[str, int]:
    # Finnish would have "mar" of others begin its November: the longest stem that fits decides.
    return {
        plain(stem): month
        for names in MONTHS.values()
        for month, stem in enumerate(names.split(), 1)
    }


def month(name: str) -> int:
    """Return the number of a month, 0 where no language has such a name."""
    name, stems = plain(name), _stems()
    return next((stems[name[:end]] for end in range(len(name), 1, -1) if name[:end] in stems), 0)
