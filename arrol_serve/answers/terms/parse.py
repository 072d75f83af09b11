"""Tokens to a tree of tuples: ``("add", a, b)``, ``("num", Fraction)``, ``("var", "x_1")`` and so on."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from arrol_serve.answers.terms.tokens import NotTerm, Token, tokens

Tree = tuple[Any, ...]
MAX_DEPTH = 40
MAX_DIGITS = 4000
_END = Token("end", "", False)
_CLOSE = {"(": ")", "[": "]", "{": "}", "|": "|"}
_TIMES = frozenset(["cdot", "times", "ast"])
_CONSTANTS = frozenset(["pi", "infinity", "infty"])
_BRACKETS = {"lfloor": ("floor", "rfloor"), "lceil": ("ceil", "rceil")}
_OF_ANGLES = frozenset(["sin", "cos", "tan", "cot", "sec", "csc"])
_ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot"}


def parse(text: str, sign: int = 1) -> Tree:
    r"""The tree of ``text``; ``sign`` is what ``\pm`` stands for. Raises ``NotTerm``."""
    parser = _Parser(tokens(text), sign)
    tree = parser.sum()
    if parser.peek() is not _END:
        raise NotTerm(f"unexpected {parser.peek().text!r}")
    return tree


class _Parser:
    def __init__(self, found: list[Token], sign: int) -> None:
        self._tokens, self._at, self._sign, self._depth = found, 0, sign, 0
        self._bars = 0
        self._summed = False
        self._index = ""
        self._in_degrees = False

    def peek(self, ahead: int = 0) -> Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _END

    def _next(self) -> Token:
        token = self.peek()
        self._at += 1
        return token

    def _take(self, *texts: str) -> bool:
        token = self.peek()
        if token.kind in ("sign", "command") and token.text in texts:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise NotTerm(f"expected {text!r}, got {self.peek().text!r}")

    def sum(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotTerm("too deep")
        tree = self._signed()
        while (token := self.peek()).text in ("+", "-", "pm", "mp") and token.kind != "var":
            tree = ("add", tree, self._signed())
        self._depth -= 1
        return tree

    def _signed(self) -> Tree:
        negative = False
        while (token := self.peek()).text in ("+", "-", "pm", "mp") and token.kind != "var":
            self._at += 1
            down = {"-": True, "pm": self._sign < 0, "mp": self._sign > 0}
            negative ^= down.get(token.text, False)
        tree = self._product()
        return ("neg", tree) if negative else tree

    def _product(self) -> Tree:
        tree = self._power(first=True)
        while True:
            if self._take("*", *_TIMES):
                tree = ("mul", tree, self._factor())
            elif self._take("/", "div"):
                tree = ("div", tree, self._factor())
            elif self._starts():
                if self.peek().kind == "number":
                    raise NotTerm("two numbers side by side")
                tree = ("mul", tree, self._power())
            else:
                return tree

    def _factor(self) -> Tree:
        if self._take("-"):
            return ("neg", self._power())
        self._take("+")
        return self._power()

    def _starts(self) -> bool:
        token = self.peek()
        if token.kind == "sign":
            return token.text in "([{" or (token.text == "|" and not self._bars)
        return token.kind in ("number", "name", "var") or (
            token.kind == "command"
            and token.text in ("frac", "binom", "infty", "sum", "prod", *_BRACKETS)
        )

    def _power(self, first: bool = False) -> Tree:
        base = self._mixed() if first else self._postfix()
        if self._take("^"):
            return ("pow", base, self._exponent())
        return base

    def _mixed(self) -> Tree:
        r"""``2\frac{1}{2}`` is two and a half."""
        tree = self._postfix()
        token = self.peek()
        if tree[0] == "num" and tree[1].denominator == 1 and token.text == "frac":
            part = self._postfix()
            proper = part[0] == "div" and part[1][0] == part[2][0] == "num"
            return ("add", tree, part) if proper else ("mul", tree, part)
        return tree

    def _exponent(self) -> Tree:
        token = self.peek()
        if token.text == "{":
            return self._group()
        if self._take("-"):
            return ("neg", self._exponent())
        if token.kind == "number" and len(token.text) > 1 and not token.text.startswith("."):
            return self._postfix()
        return self._power()

    def _postfix(self) -> Tree:
        tree = self._atom()
        while True:
            if self._take("!"):
                tree = ("fact", tree)
            elif self._take("%"):
                tree = ("div", tree, ("num", Fraction(100)))
            elif not self._take("°"):
                return tree
            elif self._in_degrees:
                tree = ("div", ("mul", tree, ("const", "pi")), ("num", Fraction(180)))

    def _atom(self) -> Tree:
        token = self._next()
        if token.kind == "number":
            if len(token.text) > MAX_DIGITS:
                raise NotTerm("too many digits")
            return ("num", Fraction(token.text))
        if token.kind == "var":
            return self._variable(token.text)
        if token.text in _CONSTANTS:
            return ("const", "pi" if token.text == "pi" else "inf")
        if token.kind == "name":
            return self._function(token.text)
        if token.kind == "sign" and token.text in _CLOSE:
            return self._bracketed(token.text)
        if token.kind == "command":
            return self._command(token.text)
        raise NotTerm(f"unexpected {token.text!r}")

    def _variable(self, name: str) -> Tree:
        if self._take("_"):
            name += "_" + self._raw()
        elif name in ("e", "i") and name != self._index:
            return ("const", name)
        if self._is_call(name):
            raise NotTerm("a function's name")
        return ("var", name)

    def _is_call(self, name: str) -> bool:
        """``f(x + 1)`` and ``I(0)``, but not ``A(1 + r)``."""
        if self.peek().text != "(" or self.peek().spaced:
            return False
        if name in ("f", "g", "h", "F", "G", "O"):
            return True
        return (
            name[0].isupper()
            and self.peek(2).text in (")", ",")
            and self.peek(1).kind in ("number", "var")
        )

    def _raw(self) -> str:
        if not self._take("{"):
            return self._next().text
        parts = []
        while not self._take("}"):
            token = self._next()
            if token is _END or token.text == "{":
                raise NotTerm("open index")
            parts.append(token.text)
        return "".join(parts)

    def _bracketed(self, opening: str) -> Tree:
        bar = opening == "|"
        self._bars += bar
        tree = self.sum()
        self._bars -= bar
        self._expect(_CLOSE[opening])
        return ("fn", "abs", tree) if bar else tree

    def _command(self, name: str) -> Tree:
        if name == "frac":
            return ("div", self._group(), self._group())
        if name == "binom":
            return ("binom", self._group(), self._group())
        if name in ("sum", "prod"):
            return self._range(name)
        if name in _BRACKETS:
            function, closing = _BRACKETS[name]
            tree = self.sum()
            self._expect(closing)
            return ("fn", function, tree)
        raise NotTerm(f"unknown \\{name}")

    def _range(self, name: str) -> Tree:
        r"""``\sum_{k=1}^{10} k^2``: what follows up to the next plus or minus is summed."""
        index = self._next() if self._take("_") and self._take("{") else _END
        if index.kind != "var" or self._summed:
            raise NotTerm("a sum without an index, or of sums")
        self._expect("=")
        low = self.sum()
        self._expect("}")
        self._expect("^")
        high = self._exponent()
        self._summed, self._index = True, index.text
        tree = (name, index.text, low, high, self._product())
        self._summed, self._index = False, ""
        return tree

    def _group(self) -> Tree:
        r"""What belongs to a command: ``{...}``, or one digit or letter."""
        token = self.peek()
        if token.kind == "number" and len(token.text) > 1:  # \frac12, \sqrt12
            self._tokens[self._at] = Token("number", token.text[1:], False)
            return ("num", Fraction(token.text[0]))
        if self._take("{"):
            tree = self.sum()
            self._expect("}")
            return tree
        return self._atom()

    def _function(self, name: str) -> Tree:
        name = _ALIASES.get(name, name)
        if name in ("sqrt", "cbrt"):
            return self._root(3 if name == "cbrt" else None)
        if name == "binom":
            return ("binom", self._group(), self._group())
        base: Tree | None = self._group() if self._take("_") else None
        power = self._exponent() if self._take("^") else None
        if power == ("neg", ("num", Fraction(1))) and name in _INVERSE:
            name, power = _INVERSE[name], None
        outer, self._in_degrees = self._in_degrees, name in _OF_ANGLES
        argument = self._argument()
        self._in_degrees = outer
        if name in ("lg", "log") and base is None:
            name, base = ("log", ("num", Fraction(10))) if name == "lg" else ("ln", None)
        tree: Tree = ("fn", "ln" if name == "log" else name, argument)
        if base is not None:
            tree = ("div", tree, ("fn", "ln", base))
        return tree if power is None else ("pow", tree, power)

    def _root(self, index: int | None) -> Tree:
        order: Tree = ("num", Fraction(index or 2))
        if self._take("["):
            order = self.sum()
            self._expect("]")
        token = self.peek()
        if token.kind == "number":
            self._at += 1
            return ("root", ("num", Fraction(token.text)), order)
        return ("root", self._group(), order)

    def _argument(self) -> Tree:
        r"""What ``\sin`` takes in ``\sin 2x``: the product that follows, up to the next function."""
        if self.peek().text in ("(", "[", "{", "|"):
            return self._postfix()
        tree = self._power()
        while self._starts() and self.peek().kind != "name" and self.peek().text not in "([":
            tree = ("mul", tree, self._power())
        return tree
