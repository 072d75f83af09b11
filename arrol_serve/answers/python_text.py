"""Python in answers: parsed in silence, whatever the parser would warn of."""

from __future__ import annotations

import ast
import warnings
from typing import Any, Literal

# Of what ``ast`` parses, and of nothing else: it calls the text "<unknown>".
warnings.filterwarnings("ignore", category=SyntaxWarning, module="<unknown>")
BROKEN = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
"""What text that is no Python raises, or Python that nests too deeply."""


def parsed(text: str, mode: Literal["exec", "eval"] = "exec") -> Any:
    """The module, or the expression. Raises ``BROKEN``."""
    tree = ast.parse(text, mode=mode)
    return tree.body if isinstance(tree, ast.Expression) else tree


def literal(text: str) -> Any:
    """The value of a constant expression. Raises ``BROKEN``."""
    return ast.literal_eval(text)
