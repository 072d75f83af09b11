"""The front door: ``arrol-serve [MODEL] [our options] [any vLLM option]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from arrol_serve import __version__, bundled
from arrol_serve.config import ServerConfig, load_config
from arrol_serve.errors import ArrolError, InvalidRequest

DESCRIPTION = """\
Serve MODEL over the OpenAI API with candidate search, in-engine pruning and weighted votes.
Without MODEL: the bundled one. Every option of vLLM's server is accepted too, such as --port,
--api-key or --tensor-parallel-size.
"""


def build_parser() -> argparse.ArgumentParser:
    """Our own options; what it does not know is vLLM's."""
    parser = argparse.ArgumentParser(
        "arrol-serve",
        usage="arrol-serve [MODEL] [options below] [any vLLM option]",
        description=DESCRIPTION,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--head", metavar="DIR", help='quality head, or "none"; default: the one shipped for MODEL'
    )
    parser.add_argument(
        "--arrol-config",
        type=Path,
        metavar="FILE",
        help="TOML file with limits, aliases and defaults",
    )
    parser.add_argument(
        "--arrol-default",
        type=_json_object,
        metavar="JSON",
        help="arrol object of plain model names",
    )
    parser.add_argument(
        "--alias",
        action="append",
        default=[],
        type=_alias,
        metavar="NAME=JSON",
        help="extra model name with its arrol object; repeatable",
    )
    parser.add_argument(
        "--keep-alive-s",
        type=float,
        metavar="S",
        help="silence on a stream before a keep-alive comment",
    )
    parser.add_argument("--version", action="version", version=f"arrol-serve {__version__}")
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


def main(argv: list[str] | None = None) -> None:
    """Parse, check, serve. Mistakes end with one line and exit status 2."""
    arguments = sys.argv[1:] if argv is None else argv
    arguments = arguments[1:] if arguments[:1] == ["serve"] else arguments
    # MODEL comes first: further on, argparse could not tell it from the value of a vLLM option.
    model = arguments[0] if arguments and not arguments[0].startswith("-") else None
    ours, rest = build_parser().parse_known_args(arguments[model is not None :])
    ours.model = model
    try:
        args = resolve_args(ours, rest)
    except (ArrolError, OSError) as error:
        print(f"arrol-serve: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    _run(args)


def resolve_args(ours: argparse.Namespace, rest: list[str]) -> Any:
    """vLLM's parsed arguments with the plugin and our configuration on them.

    Raises ``ArrolError``; vLLM's own parser exits for options that nobody knows.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if ours.model is None:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    _allow_plugin()
    args = _vllm_args(ours.model or str(bundled.MODEL), rest, bundled_model=ours.model is None)
    from arrol_serve.engine.setup import check_base_model, prepare

    head = _head_folder(ours.head, args.model)
    manifest = prepare(args, head)
    if manifest is not None:
        check_base_model(manifest, args.model)
    config = load_config(
        ours.arrol_config, default=ours.arrol_default, keep_alive_s=ours.keep_alive_s
    )
    changed: dict[str, Any] = {"aliases": {**config.aliases, **dict(ours.alias)}}
    if manifest is not None and head is not None:
        changed |= {"head": str(head), "head_id": manifest.id, "probes": manifest.probes}
    args.arrol_config = ServerConfig(**{**config.model_dump(), **changed})
    return args


def _allow_plugin() -> None:
    """vLLM loads endpoint plugins only when they are named, and then only those."""
    named = [name for name in os.environ.get("VLLM_PLUGINS", "").split(",") if name]
    if "arrol" not in named:
        os.environ["VLLM_PLUGINS"] = ",".join([*named, "arrol"])


def _head_folder(asked: str | None, model: str) -> Path | None:
    from arrol_serve.quality.artifact import find_head

    if asked == "none":
        return None
    if asked is not None:
        return Path(asked)
    name = bundled.MODEL_NAME if Path(model) == bundled.MODEL else model
    return find_head(name, bundled.HEADS)


def _vllm_args(model: str, rest: list[str], *, bundled_model: bool) -> Any:
    if not bundled_model and "/" not in model and not Path(model).exists():
        raise InvalidRequest(
            f"No model folder {model!r}: name a folder or a Hugging Face id (org/name)."
        )
    if Path(model).is_dir() and not (Path(model) / "config.json").exists():
        raise InvalidRequest(f"{model} is not a model folder: it has no config.json.")
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser("arrol-serve"))
    if bundled_model:
        parser.set_defaults(host="127.0.0.1", **bundled.SERVE_OPTIONS)
    args = parser.parse_args(["--model", model, *rest])
    validate_parsed_serve_args(args)
    return args


def _run(args: Any) -> None:
    import uvloop
    from vllm.entrypoints.launchers.api_server.entry import run_server
    from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
    from vllm.logger import configure_logging_from_args

    cli_env_setup()
    configure_logging_from_args(args)
    try:
        uvloop.run(run_server(args))
    except ArrolError as error:
        print(f"arrol-serve: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        print(f"arrol-serve: cannot listen on port {args.port}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
