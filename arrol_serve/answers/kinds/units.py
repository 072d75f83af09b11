"""Units that carry meaning: what they measure, and how many base units they are.

Count nouns (7 cousins, 36 tomatoes) and words that this table does not know carry none: other
languages and other models use other words for the same things.
"""

from __future__ import annotations

from fractions import Fraction

Unit = tuple[str, Fraction]
_TABLE = {
    "length": {
        "1e-9": "nm nanometer nanometers nanometre nanometres",
        "1e-6": "um micrometer micrometers micron microns",
        "0.001": "mm millimeter millimeters millimetre millimetres",
        "0.01": "cm centimeter centimeters centimetre centimetres zentimeter",
        "1": "m meter meters metre metres metros",
        "1000": "km kilometer kilometers kilometre kilometres kilómetros",
        "0.0254": "in inch inches",
        "0.3048": "ft foot feet",
        "0.9144": "yd yard yards",
        "1609.344": "mi mile miles",
    },
    "time": {
        "0.001": "ms millisecond milliseconds",
        "1": "s sec secs second seconds sekunden segundos secondes",
        "60": "min mins minute minutes minuten minutos",
        "3600": "h hr hrs hour hours stunde stunden hora horas heure heures ore ora",
        "86400": "day days tag tage tagen día días dias jour jours",
        "604800": "week weeks woche wochen semana semanas semaine semaines",
    },
    "calendar": {
        "1": "month months monat monate mes meses mois",
        "12": "year years yr yrs jahr jahre jahren año años ano anos an ans",
    },
    "mass": {
        "0.000001": "mg milligram milligrams",
        "0.001": "g gram grams gramm gramme grammes",
        "1": "kg kilogram kilograms kilo kilos",
        "0.45359237": "lb lbs pound pounds",
        "0.028349523125": "oz ounce ounces",
        "1000": "tonne tonnes ton tons",
    },
    "volume": {
        "0.001": "ml mL milliliter milliliters millilitre millilitres",
        "1": "L l liter liters litre litres litros",
        "3.785411784": "gal gallon gallons",
    },
    "dollar": {"1": "USD dollar dollars bucks usd", "0.01": "cent cents"},
    "euro": {"1": "€ EUR euro euros eur"},
    "pound": {"1": "£ GBP"},
    "yen": {"1": "¥ JPY yen"},
    "yuan": {"1": "CNY RMB yuan 元"},
    "rupee": {"1": "₹ INR Rs Rs. rupee rupees"},
    "ruble": {"1": "₽ RUB ruble rubles"},
    "angle": {"1": "° degree degrees deg grad", "57.29577951308232": "rad radian radians"},
    "temperature C": {"1": "°C"},
    "temperature F": {"1": "°F"},
    "temperature": {"1": "K kelvin"},
    "speed": {"1": "m/s", "0.44704": "mph", "0.277777777777777777": "km/h kmh kph"},
    "area": {
        "0.0001": "cm^2 cm² cm^{2} sqcm",
        "1": "m^2 m² m^{2} sqm",
        "1000000": "km^2 km^{2}",
        "0.09290304": "ft^2 ft^{2}",
        "0.00064516": "in^2 in^{2}",
    },
    "cubic": {"0.000001": "cm^3 cm^{3}", "1": "m^3 m^{3}", "0.028316846592": "ft^3 ft^{3}"},
    "energy": {"1": "J joule joules", "1000": "kJ", "1.602176634e-19": "eV", "4.184": "cal"},
    "power": {"1": "W watt watts", "1000": "kW"},
    "force": {"1": "N newton newtons", "1000": "kN"},
    "pressure": {"1": "Pa", "1000": "kPa", "101325": "atm"},
    "voltage": {"1": "V volt volts", "0.001": "mV"},
    "current": {"1": "A amp amps ampere amperes", "0.001": "mA"},
    "frequency": {"1": "Hz hertz", "1000": "kHz", "1000000": "MHz"},
}
UNITS: dict[str, Unit] = {
    name: (dimension, Fraction(factor))
    for dimension, rows in _TABLE.items()
    for factor, names in rows.items()
    for name in names.split()
}
CURRENCIES = frozenset("$€£¥₹₽") | frozenset({"USD"})


def unit(name: str) -> Unit | None:
    """The unit of this name, exactly spelt or else in lower case."""
    return UNITS.get(name) or (UNITS.get(name.casefold()) if len(name) > 2 else None)
