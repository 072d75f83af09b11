"""Our own command-line options, and the server configuration that they make."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arrol_serve import __version__, keys
from arrol_serve.api.admin import listener
from arrol_serve.config import ServerConfig, load_config
from arrol_serve.errors import InvalidRequest

DESCRIPTION = """\
Serve MODEL over the OpenAI API with candidate search, in-engine pruning and weighted votes.
Without MODEL: the bundled one, on 127.0.0.1:8000.
"""
EPILOG = """\
Every option of vLLM's server is accepted too, such as --port, --api-key or
--tensor-parallel-size: --help=all lists them, --help=WORD searches them.

Other commands: arrol-serve openapi   print the OpenAPI document of our routes
                arrol-serve plan      what a model needs on a GPU: KV cache, concurrency, tokens/s
                arrol-serve read      how a reply's answer is read, and whether two answers are equal
"""


def build_parser() -> argparse.ArgumentParser:
    """Our own options; what it does not know is vLLM's."""
    parser = argparse.ArgumentParser(
        "arrol-serve",
        usage="arrol-serve [MODEL] [options below] [any vLLM option]",
        description=DESCRIPTION,
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option(
        "--head",
        action="append",
        default=[],
        metavar="DIR|NAME=DIR",
        help='quality head, or "none"; NAME=DIR: that of a LoRA adapter; default: the one shipped for '
        "MODEL, and none for adapters",
    )
    option(
        "--arrol-config",
        type=Path,
        metavar="FILE",
        help="TOML file with limits, aliases and defaults",
    )
    option(
        "--arrol-default",
        type=_json_object,
        metavar="JSON",
        help="arrol object of plain model names; default: they are plain vLLM requests",
    )
    option(
        "--alias",
        action="append",
        default=[],
        type=_alias,
        metavar="NAME=JSON",
        help="extra model name with its arrol object; {model} is the served name; repeatable",
    )
    option(
        "--presets",
        metavar="FILE",
        help='presets written by arrol-eval tune, or "none"; default: presets.json beside the head',
    )
    option(
        "--preset",
        metavar="NAME",
        help="preset of plain model names; default: they are plain vLLM requests",
    )
    option(
        "--scorer",
        choices=("head", "confidence"),
        help="scorer of searches that name none; default: the head where there is one",
    )
    option(
        "--keep-alive-s",
        type=float,
        metavar="S",
        help="seconds of silence on a stream before a keep-alive; 0: none; default 10",
    )
    option(
        "--keep-alive",
        choices=("comment", "chunk"),
        help="what a keep-alive is: a comment, or an empty event; default: comment",
    )
    option(
        "--no-page",
        action="store_const",
        const=False,
        dest="page",
        help="do not serve the page /arrol, on which searches are asked and watched",
    )
    keys.add_arguments(parser)
    listener.add_arguments(parser)
    option("--version", action="version", version=f"arrol-serve {__version__}")
    return parser


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object")
    return value


def _alias(text: str) -> tuple[str, dict[str, Any]]:
    name, separator, body = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError("must be NAME=JSON")
    return name, _json_object(body)


def heads_asked(values: Sequence[str]) -> tuple[str | None, dict[str, Path]]:
    """The base model's head, as given, and the folder of each adapter's. Raises ``InvalidRequest``."""
    base, adapters = [], {}
    for value in values:
        name, separator, folder = value.partition("=")
        if separator and name and not Path(value).exists():
            adapters[name] = Path(folder)
        else:
            base.append(value)
    if len(base) > 1:
        raise InvalidRequest(
            f"--head names {len(base)} heads of the base model: give one. An adapter's is NAME=DIR."
        )
    return (base[0] if base else None), adapters


def server_config(ours: argparse.Namespace) -> ServerConfig:
    """The TOML file with our flags over it. Raises ``InvalidRequest``."""
    if ours.preset is not None and ours.arrol_default is not None:
        raise InvalidRequest('--preset is --arrol-default {"preset": NAME}: give one of them.')
    preset = None if ours.preset is None else {"preset": ours.preset}
    flags = {
        "default": preset or ours.arrol_default,
        "scorer": ours.scorer,
        "keep_alive_s": ours.keep_alive_s,
        "keep_alive": ours.keep_alive,
        "page": ours.page,
    }
    config = load_config(ours.arrol_config, **flags)
    aliases = {**config.aliases, **dict(ours.alias)}
    return config.model_copy(update={"aliases": aliases})
