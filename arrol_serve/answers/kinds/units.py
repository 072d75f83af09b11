"""Units that carry meaning: what they measure, and how many base units they are.

Count nouns (7 cousins, 36 tomatoes) and words that this table does not know carry none: other
languages and other models use other words for the same things.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

Unit = tuple[str, Fraction]
"""Dimension, as ``length time^-1``, and size."""
_TABLE = {
    "length": {
        "1e-9": "nm nanometer nanometers nanometre nanometres",
        "1e-6": "um micrometer micrometers micrometre micrometres micron microns",
        "0.001": "mm millimeter millimeters millimetre millimetres 毫米 мм",
        "0.01": "cm centimeter centimeters centimetre centimetres zentimeter centímetros 厘米 公分"
        " センチメートル см",
        "1": "m meter meters metre metres metros mètres 米 公尺 メートル 미터 м метров метра",
        "1000": "km kilometer kilometers kilometre kilometres kilómetros kilomètres 千米 公里"
        " キロメートル 킬로미터"
                " км километров километра",
        "0.0254": "in inch inches 英寸",
        "0.3048": "ft foot feet 英尺",
        "0.9144": "yd yard yards",
        "1609.344": "mi mile miles 英里 миль",
    },
    "time": {
        "0.001": "ms millisecond milliseconds",
        "1": "s sec secs second seconds sekunden segundos secondes 秒 초 секунд секунды",
        "60": "min mins minute minutes minuten minutos minuti 分钟 分鐘 分 분 минут минуты menit phút"
        " นาที মিনিট",
        "3600": "h hr hrs hour hours stunde stunden hora horas heure heures ora ore uren 小时 小時 時間 시간"
                " час часа часов jam giờ saa ชั่วโมง ঘণ্টা",
        "86400": "day days tag tage tagen dagen día días dia dias jour jours giorni 天 日間 일 день дня"
        " дней hari"
                 " ngày siku วัน দিন",
        "604800": "week weeks woche wochen weken semana semanas semaine semaines settimane 周 星期 週間 주"
                  " неделя недели недель minggu tuần",
    },
    "calendar": {
        "1": "month months monat monate mes meses mois mesi 个月 個月 ヶ月 か月 개월 месяц месяца месяцев",
        "12": "year years yr yrs jahr jahre jahren año años ano anos an ans anni 年 년 год года лет",
    },
    "mass": {
        "0.000001": "mg milligram milligrams 毫克",
        "0.001": "g gram grams gramm gramme grammes gramos 克 グラム 그램 г грамм граммов",
        "1": "kg kilogram kilograms kilogramm kilogramme kilogrammes kilogramos kilo kilos 千克 公斤"
        " キログラム"
             " キロ 킬로그램 кг килограмм килограммов",
        "0.45359237": "lb lbs pound pounds",
        "0.028349523125": "oz ounce ounces",
        "1000": "tonne tonnes ton tons 吨",
    },
    "length^3": {
        "0.000001": "ml mL milliliter milliliters millilitre millilitres cc 毫升",
        "0.001": "L l liter liters litre litres litros 升 リットル 리터 л литров литра",
        "0.003785411784": "gal gallon gallons",
    },
    "dollar": {
        "1": "USD dollar dollars bucks usd US_dollar US_dollars U.S._dollars dólares ドル 美元 美金 달러"
        " доллар"
             " доллара долларов",
        "0.01": "cent cents ¢ 美分",
    },
    "euro": {"1": "€ EUR euro euros eur 欧元 ユーロ 유로 евро"},
    "pound": {"1": "£ GBP pounds_sterling pound_sterling British_pounds 英镑"},
    "yen": {"1": "¥ JPY yen 円 日元"},
    "yuan": {"1": "CNY RMB yuan 元 人民币"},
    "won": {"1": "₩ KRW won 원"},
    "rupee": {"1": "₹ INR Rs Rs. rupee rupees टका रुपये"},
    "ruble": {"1": "₽ RUB ruble rubles рублей рубля рубль руб руб."},
    "angle": {
        "1": "° degree degrees deg grad 度 градусов",
        "57.29577951308232": "rad radian radians",
    },
    "temperature C": {"1": "°C ℃ degrees_C degrees_Celsius °_C °_Celsius Celsius"},
    "temperature F": {"1": "°F ℉ degrees_F degrees_Fahrenheit °_Fahrenheit Fahrenheit"},
    "temperature": {"1": "K kelvin kelvins"},
    "length time^-1": {"0.44704": "mph", "5/18": "kmh kph"},
    "length^2": {"4046.8564224": "acre acres", "10000": "ha hectare hectares 公顷"},
    "energy": {
        "1": "J joule joules",
        "1000": "kJ kilojoules",
        "3600000": "kWh",
        "1.602176634e-19": "eV",
        "4.184": "cal",
    },
    "power": {"1": "W watt watts", "1000": "kW kilowatts", "1000000": "MW"},
    "force": {"1": "N newton newtons", "1000": "kN"},
    "pressure": {"1": "Pa pascal pascals", "1000": "kPa", "1000000": "MPa", "101325": "atm"},
    "voltage": {"1": "V volt volts", "0.001": "mV", "1000": "kV"},
    "current": {"1": "A amp amps ampere amperes", "0.001": "mA"},
    "charge": {"1": "C coulomb coulombs"},
    "resistance": {"1": "ohm ohms", "1000": "kohm"},
    "amount": {"1": "mol mole moles", "0.001": "mmol"},
    "frequency": {"1": "Hz hertz", "1000": "kHz", "1000000": "MHz", "1000000000": "GHz"},
    "data": {"1": "B byte bytes", "1000": "kB KB", "1000000": "MB", "1000000000": "GB"},
}  # fmt: skip
UNITS: dict[str, Unit] = {
    name.replace("_", " "): (dimension, Fraction(factor))
    for dimension, rows in _TABLE.items()
    for factor, names in rows.items()
    for name in names.split()
}
CURRENCIES = frozenset("$€£¥₹₽₩") | frozenset({"USD"})
_MONEY = frozenset(["dollar", "euro", "pound", "yen", "yuan", "won", "rupee", "ruble"])
_FRACTION = re.compile(r"\\frac[ ]?\{([^{}]*)\}[ ]?\{([^{}]*)\}")
_POWERS = (
    (re.compile(r"\b(?:square|sq\.?) (\w+)", re.IGNORECASE), r"\1^2"),
    (re.compile(r"\b(?:cubic|cu\.?) (\w+)", re.IGNORECASE), r"\1^3"),
    (re.compile(r"(\w+) squared\b", re.IGNORECASE), r"\1^2"),
    (re.compile(r"(\w+) cubed\b", re.IGNORECASE), r"\1^3"),
)
_FACTOR = re.compile(r"([/ ]?)([^\W\d_]+\.?|°[CF]?|[€£¥₹₽])(?:\^\{?(-?[0-9])\}?)?")
MAX_UNIT = 60


def unit(name: str) -> Unit | None:
    """The unit of this name, exactly spelt or else in lower case."""
    return UNITS.get(name) or (UNITS.get(name.casefold()) if len(name) > 2 else None)


def measure(text: str) -> Unit | None:
    r"""``km``, ``km/h``, ``m s^{-2}``, ``square feet``, ``\frac{m}{s}``, ``dollars per hour``; None: unknown.

    Money is what it is, whatever it is paid for.
    """
    plain = _plain(text)
    known = unit(plain) or unit(plain.rstrip("."))
    if known is not None or len(plain) > MAX_UNIT:
        return known
    return _multiplied(plain)


def _multiplied(plain: str) -> Unit | None:
    powers: Counter[str] = Counter()
    size, at, divides = Fraction(1), 0, False
    while at < len(plain):
        found = _FACTOR.match(plain, at)
        base = unit(found[2]) if found else None
        if found is None or base is None or bool(found[1]) != bool(at):
            return None
        if base[0] in _MONEY:
            return base if not at else None
        power = int(found[3] or 1) * (-1 if found[1] == "/" else 1)
        divides |= power < 0 or len(found[2]) > 3
        size *= base[1] ** power
        for dimension in base[0].split(" "):
            name, _, own = dimension.partition("^")
            powers[name] += int(own or 1) * power
        at = found.end()
    return _product(powers, size) if at and (divides or not plain.count(" ")) else None


def _plain(text: str) -> str:
    text = _FRACTION.sub(r"\1/\2", text).replace(r"\Omega", "ohm")
    text = re.sub(r"\\mu[ ]?", "u", text)
    text = re.sub(r"[ ]?(?:\\cdot|·|\*)[ ]?", " ", text)
    text = re.sub(
        r"[ ]?\^[ ]?", "^", re.sub(r"[ ]?(?:/|\bper\b|\bpro\b|\bpor\b|\bpar\b)[ ]?", "/", text)
    )
    for pattern, power in _POWERS:
        text = pattern.sub(power, text)
    return text.strip()


def _product(powers: Counter[str], size: Fraction) -> Unit | None:
    named = sorted((name, power) for name, power in powers.items() if power)
    shown = " ".join(name if power == 1 else f"{name}^{power}" for name, power in named)
    return (shown, size) if named else None
