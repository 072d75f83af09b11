"""Dates, times of day, and addresses that look like arithmetic."""

from __future__ import annotations

import re
from datetime import date

from arrol_serve.answers.kinds.form import Form

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_NAME = "|".join(f"{m[:3]}(?:{m[3:]})?" if len(m) > 3 else m for m in _MONTHS)
_ISO = re.compile(r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})")
_NUMERIC = re.compile(r"(?P<a>[0-9]{1,2})[-/.](?P<b>[0-9]{1,2})[-/.](?P<y>[0-9]{4})")
_CHINESE = re.compile(r"(?P<y>[0-9]{4})年(?P<m>[0-9]{1,2})月(?P<d>[0-9]{1,2})日")
_DAY = r"(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?[ ])?"
_WRITTEN = re.compile(
    rf"{_WEEKDAY}(?:(?P<m>{_NAME})\.?[ ]{_DAY},?[ ](?P<y>[0-9]{{4}}))", re.IGNORECASE
)
_WRITTEN_DAY = re.compile(
    rf"{_WEEKDAY}(?:the[ ])?{_DAY}[ ](?:of[ ])?(?P<m>{_NAME})\.?,?[ ](?P<y>[0-9]{{4}})",
    re.IGNORECASE,
)
_OTHERS = (
    "januar janvier enero gennaio janeiro januari января", "februar février febrero febbraio fevereiro"
    " februari февраля",
    "märz mars marzo março maart марта", "april avril abril aprile апреля", "mai mayo maggio maio mei мая",
    "juni juin junio giugno junho июня", "juli juillet julio luglio julho июля",
    "august août agosto augustus августа", "september septembre septiembre settembre setembro сентября",
    "oktober octobre octubre ottobre outubro октября", "november novembre noviembre novembro ноября",
    "dezember décembre diciembre dicembre dezembro december декабря",
)  # fmt: skip
_OTHER = {name: month for month, names in enumerate(_OTHERS, start=1) for name in names.split()}
_FOREIGN = re.compile(
    rf"{_DAY}\.?[ ](?:de[ ])?(?P<m>{'|'.join(_OTHER)})(?:[ ]del?)?[ ](?P<y>[0-9]{{4}})",
    re.IGNORECASE,
)
_CAPITAL = "|".join(f"{m[:3].title()}(?:{m[3:]})?" for m in _MONTHS)
_NAMED_DAY = re.compile(
    rf"(?:(?P<m>{_CAPITAL})\.?[ ]{_DAY}|(?:the[ ])?(?P<d2>[0-9]{{1,2}})(?:st|nd|rd|th)?[ ](?:of["
    rf" ])?(?P<m2>{_CAPITAL}))"
)
_TIME = re.compile(
    r"(?P<h>[0-9]{1,2})(?:[:.]|h(?=[0-9]{2}$))(?P<m>[0-5][0-9])(?::(?P<s>[0-5][0-9]))?["
    r" ]?(?P<half>[ap]\.?[ ]?m\.?)?(?:Uhr)?",
    re.I,
)
_HOUR = re.compile(r"(?P<h>[0-9]{1,2})[ ]?(?P<half>[ap]\.?[ ]?m\.?)", re.IGNORECASE)
_ADDRESS = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"
)
_RANGE = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:-[0-9]+(?:\.[0-9]+)?)+|[0-9]+(?:/[0-9]+){2,}")
"""``10-20`` without spaces is no subtraction, ``1/2/3`` no division."""


def read(text: str) -> Form | None:
    """``text`` is clean."""
    if len(text) > 40 or not any(char.isdigit() for char in text):
        return None
    if _ADDRESS.fullmatch(text):
        return Form("address", ("address", text.casefold()), text)
    if _RANGE.fullmatch(text) and not _ISO.fullmatch(text) and not _NUMERIC.fullmatch(text):
        return Form("range", ("range", text), text)
    return _date(text) or _time(text)


def _date(text: str) -> Form | None:
    for pattern in (_ISO, _CHINESE, _WRITTEN, _WRITTEN_DAY):
        found = pattern.fullmatch(text)
        if found:
            return _day(int(found["y"]), _month(found["m"]), int(found["d"]), text)
    found = _FOREIGN.fullmatch(text)
    if found:
        return _day(int(found["y"]), _OTHER[found["m"].casefold()], int(found["d"]), text)
    found = _NAMED_DAY.fullmatch(text)
    if found:
        shown = f"{_month(found['m'] or found['m2']):02}-{int(found['d'] or found['d2']):02}"
        return Form("date", ("date", shown), shown)
    found = _NUMERIC.fullmatch(text)
    if found:  # month first, as in the United States, unless it cannot be
        a, b = int(found["a"]), int(found["b"])
        month, day = (a, b) if a <= 12 and "." not in text else (b, a)
        return _day(int(found["y"]), month, day, text)
    return None


def _month(name: str) -> int:
    if name.isdigit():
        return int(name)
    return next(i for i, month in enumerate(_MONTHS, start=1) if month[:3] == name[:3].casefold())


def _day(year: int, month: int, day: int, text: str) -> Form | None:
    try:
        shown = date(year, month, day).isoformat()
    except ValueError:
        return Form("date", ("date", text), text)
    return Form("date", ("date", shown), shown)


def _time(text: str) -> Form | None:
    found = _TIME.fullmatch(text)
    if found and (":" in text or "h" in text or found["half"]):
        minutes, seconds = int(found["m"]), int(found["s"] or 0)
    else:
        found, minutes, seconds = _HOUR.fullmatch(text), 0, 0
    if not found or int(found["h"]) > 24:
        return None
    hour, half = int(found["h"]), (found["half"] or "").casefold()[:1]
    clock = hour if not half else hour % 12 + (12 if half == "p" else 0)
    shown = f"{clock:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")
    also = (("time", shown), ("time", f"{hour:02}:{minutes:02}")) if half else ()
    own = ("time", shown, "m") if half else ("time", shown)
    return Form("time", own, shown, also, (("half", half),) if half else ())
