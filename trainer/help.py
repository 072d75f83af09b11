"""How the commands' ``--help`` reads: every option with its default."""

from __future__ import annotations

import argparse


class Help(argparse.HelpFormatter):
    """Adds ``(default: X)`` where an option has one and its text does not say it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help or "", action.default
        unsaid = default is None or default is False or default in ("", [])
        silent = (
            not action.option_strings
            or default == argparse.SUPPRESS
            or "default" in text
            or "needed" in text
        )
        if silent or (unsaid and action.nargs == 0):
            return text
        if unsaid:
            return f"{text} (default: none)"
        if isinstance(default, list | tuple):
            shown = " ".join(map(str, default))
        else:
            shown = f"{default:g}" if isinstance(default, float) else str(default)
        return f"{text} (default: {shown.replace('%', '%%')})"
