"""English numbers as people say them: digits of written text -> words."""

import re

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth"}
LARGEST = 10**15
"""Whole numbers from here on are read digit by digit."""


def cardinal(n: int, british: bool = False) -> str:
    """0 <= n < LARGEST; `british` says "two hundred and five"."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (" " + ONES[n % 10] if n % 10 else "")
    if n < 1000:
        rest = n % 100
        return ONES[n // 100] + " hundred" + ((" and " if british else " ") + cardinal(rest) if rest else "")
    for size, name in SCALES:
        if n >= size:
            rest = n % size
            joint = " and " if british and rest < 100 else " "
            return f"{cardinal(n // size, british)} {name}" + (joint + cardinal(rest, british) if rest else "")
    raise AssertionError(n)


def ordinal(n: int, british: bool = False) -> str:
    head, _, last = cardinal(n, british).rpartition(" ")
    if last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last = ORDINALS.get(last, last + "th")
    return f"{head} {last}".strip()


def digits(text: str, zero: str = "zero") -> str:
    """Digit by digit, as telephone numbers are read."""
    return " ".join(zero if c == "0" else ONES[int(c)] for c in text)


def year(n: int) -> str:
    """1000 <= n <= 2999: nineteen oh five, two thousand five, twenty twenty."""
    century, rest = divmod(n, 100)
    if 2000 <= n < 2010 or n % 1000 == 0:
        return cardinal(n)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith("x") else "s")


def whole(text: str, british: bool) -> str:
    bare = text.replace(",", "")
    if (len(bare) > 1 and bare[0] == "0") or int(bare) >= LARGEST:
        return digits(bare)
    return cardinal(int(bare), british)


def decimal(text: str, british: bool) -> str:
    """"3", "1,200" or "2.05": two point zero five."""
    before, point, after = text.partition(".")
    return whole(before or "0", british) + (f" point {digits(after)}" if point else "")


PATTERN = re.compile(
    r"(?<![\w.,:/$-])(?:"
    r"\$ ?(?P<money>\d[\d,]*(?:\.\d+)?)(?P<scale> (?:hundred|thousand|million|billion|trillion))?"
    r"|(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?: ?(?P<half>[aApP])\.?[mM]\b\.?)?"
    r"|(?P<percent>\d[\d,]*(?:\.\d+)?) ?%"
    r"|(?P<nth>\d[\d,]*)(?:st|nd|rd|th)"
    r"|(?P<decade>\d0|\d{3}0)'?s"
    r"|(?P<decimal>\d[\d,]*\.\d+)"
    r"|(?P<grouped>\d{1,3}(?:,\d{3})+)"
    r"|(?P<whole>\d+)"
    r")(?![\w%/$]|[.,:]\d|-\d)"
)


def _money(amount: str, scale: str, british: bool) -> str:
    before, point, after = amount.partition(".")
    if scale or (point and len(after) != 2):
        return f"{decimal(amount, british)}{scale} dollars"
    dollars = whole(before, british) + (" dollar" if before == "1" else " dollars")
    if not point or after == "00":
        return dollars
    cents = cardinal(int(after)) + (" cent" if after == "01" else " cents")
    return cents if before == "0" else f"{dollars} and {cents}"


def _time(hour: str, minute: str, half: str | None) -> str:
    words = whole(str(int(hour)), False)
    if minute == "00":
        words += "" if half else " o'clock"
    else:
        words += (" oh " if minute[0] == "0" else " ") + cardinal(int(minute))
    return words + (f" {half.lower()} m" if half else "")


def _said(match: re.Match[str], british: bool) -> str:
    g = match.groupdict()
    if g["money"]:
        return _money(g["money"], g["scale"] or "", british)
    if g["hour"]:
        return _time(g["hour"], g["minute"], g["half"])
    if g["percent"]:
        return decimal(g["percent"], british) + " percent"
    if g["nth"]:
        return ordinal(int(g["nth"].replace(",", "")), british) if len(g["nth"]) < 16 else match[0]
    if g["decade"]:
        n = int(g["decade"])
        return plural(cardinal(n) if n < 1000 else year(n))
    if g["decimal"]:
        return decimal(g["decimal"], british)
    if g["grouped"]:
        return whole(g["grouped"], british)
    n = g["whole"]
    return year(int(n)) if len(n) == 4 and "1100" <= n <= "2099" else whole(n, british)


def spoken(text: str, british: bool = False) -> str:
    """`text` with every number that stands alone written as it is said; numbers joined to letters ("4K", "B2B") stay."""
    return PATTERN.sub(lambda match: _said(match, british), text)
