"""The command line: ``arrol-serve [MODEL] [our options] [any vLLM option]``."""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from arrol_serve import bundled, home, keys
from arrol_serve.api.admin import listener
from arrol_serve.ending import end, trace_crashes
from arrol_serve.errors import ArrolError, InvalidRequest, UnsupportedEngine
from arrol_serve.model_folder import check_model_folder, name_folder, tell_type
from arrol_serve.options import build_parser, heads_asked, server_config
from arrol_serve.presets import FILE as PRESETS
from arrol_serve.presets import load_presets

ADDRESS_ERRORS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
GRACE_S = 30
"""Default of vLLM's --shutdown-timeout: seconds that requests have to end after SIGTERM."""
KEEP_IDLE_S = 120
"""Seconds that an idle connection stays open: longer than the pools of common proxies and clients keep theirs
(nginx and AWS 60, Go 90), so that none of them sends a request into a connection that is being closed."""
NOT_OURS = ("headless", "grpc")
"""vLLM's ways to start that have no HTTP server of ours."""


MISFIT = (
    "the torchvision installed here was built for another PyTorch, and breaks the import of transformers. "
    "Only some models that see need it: pip uninstall torchvision torchaudio torchcodec"
)
BLIND = (
    "vLLM cannot load this model's code: the log has the reason. Many models that see need torchvision, "
    "which a CPU installation leaves out: pip install torchvision --index-url https://download.pytorch.org/whl/cpu"
)


def main(argv: list[str] | None = None) -> None:
    """Parse, check, serve. Mistakes end with one line and exit status 2."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    trace_crashes()
    try:
        home.settle()
    except ArrolError as error:
        _fail(str(error))
    if arguments and (told := COMMANDS.get(arguments[0])) is not None:
        try:
            print(told(arguments[1:]))
        except ArrolError as error:
            _fail(str(error))
        return
    arguments = arguments[1:] if arguments[:1] == ["serve"] else arguments
    try:
        if any(word.startswith("--help=") for word in arguments):
            vllm_args(arguments)  # prints vLLM's help and exits
        ours, rest = build_parser().parse_known_args(arguments)
        args = resolve_args(ours, rest)
        args.arrol_admin = listener.from_arguments(ours, os.environ)
    except (ArrolError, OSError) as error:
        _fail(str(error))
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _fail(MISFIT)
    _run(args)


def _fail(message: str) -> NoReturn:
    print(f"arrol-serve: {message}", file=sys.stderr)
    raise SystemExit(2)


def _openapi(_: list[str]) -> str:
    import yaml  # type: ignore[import-untyped]

    check_vllm()
    from arrol_serve.api.openapi import openapi_document

    document: str = yaml.safe_dump(openapi_document(), sort_keys=False, allow_unicode=True)
    return document.removesuffix("\n")


def _plan(arguments: list[str]) -> str:
    from arrol_serve.planner.command import plan_command

    return plan_command(arguments)


def _reading(arguments: list[str]) -> str:
    from arrol_serve.answers.command import read_command

    return read_command(arguments)


COMMANDS = {"openapi": _openapi, "plan": _plan, "read": _reading}
"""First words that start no server: what they print."""


def resolve_args(ours: argparse.Namespace, rest: list[str]) -> Any:
    """vLLM's parsed arguments with the plugin and our configuration on them.

    Raises ``ArrolError``; exits with status 2 for unknown options.
    """
    config = server_config(ours)  # cheap, so its mistakes show before vLLM is loaded
    extra_keys = keys.read_keys(ours.api_key_file, os.environ)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", str(KEEP_IDLE_S))
    _allow_plugin()
    args = vllm_args(rest)
    from arrol_serve.engine.plugin.weights import BACKEND
    from arrol_serve.engine.setup import adapter_heads, check_base_model, check_memory, prepare

    asked, adapters = heads_asked(ours.head)
    head = _head_folder(asked, args.model)
    manifest = prepare(args, head, records=ours.admin_port is not None)
    changed: dict[str, Any] = {"adapter_heads": adapter_heads(args, adapters)}
    if manifest is not None and head is not None:
        check_base_model(manifest, args.model)
        changed |= {"head": str(head), "head_id": manifest.id, "probes": manifest.probes}
        changed["belief"] = manifest.belief
    elif config.scorer == "head":
        raise InvalidRequest("--scorer head needs a quality head: name one with --head DIR.")
    named = None if manifest is None else (manifest.id, manifest.version)
    presets = _presets(ours.presets, head, named)
    if presets is not None:
        changed["presets"] = presets | (config.presets or {})
    tell_type(args)
    check_memory(args)  # last: what is wrong with the options is wrong on every machine
    args.arrol_config = config.model_copy(update=changed)
    args.api_key = keys.all_keys(args.api_key, extra_keys, os.environ)
    if ours.admin_port is not None and args.weight_transfer_config is None:
        args.weight_transfer_config = {"backend": BACKEND}
    return args


def _allow_plugin() -> None:
    """vLLM loads endpoint plugins only when they are named, but then no others of any kind.

    So everything is named that would have been loaded without us. Raises ``UnsupportedEngine``.
    """
    if not entry_points(group="vllm.endpoint_plugins", name="arrol"):
        raise UnsupportedEngine(
            "vLLM cannot find arrol-serve's plugin, because the package is not installed: run "
            "pip install -e . in the checkout."
        )
    before = os.environ.get("VLLM_PLUGINS")
    if before is None:
        groups = ("general", "io_processor", "platform", "stat_logger")
        named = {e.name for kind in groups for e in entry_points(group=f"vllm.{kind}_plugins")}
    else:
        named = {name for name in before.split(",") if name}
    os.environ["VLLM_PLUGINS"] = ",".join(sorted(named | {"arrol"}))


def _head_folder(asked: str | None, model: str) -> Path | None:
    from arrol_serve.quality.artifact import find_head, head_inside

    if asked == "none":
        return None
    if asked is not None:
        return Path(asked)
    name = bundled.MODEL_NAME if Path(model) == bundled.MODEL else model
    return head_inside(Path(model)) or find_head(name, bundled.HEADS)


def _presets(
    asked: str | None, head: Path | None, named: tuple[str, str] | None
) -> dict[str, dict[str, Any]] | None:
    """Presets of the named file, or of the one beside the head; None: there is none."""
    if asked == "none":
        return None
    if asked is not None:
        return load_presets(Path(asked), head=named)
    found = None if head is None else head / PRESETS
    return load_presets(found, head=named) if found is not None and found.exists() else None


def check_vllm() -> None:
    """Raise ``UnsupportedEngine`` unless vLLM is there, with all that the server uses of it.

    Call it before anything is imported that imports vLLM: it names what is missing.
    """
    try:
        from arrol_serve.engine.plugin.compat import check_server
    except ImportError as error:
        raise UnsupportedEngine(
            f"vLLM cannot be imported ({error}): install arrol-serve with its extra cpu or cuda."
        ) from error
    check_server()


def vllm_args(rest: list[str]) -> Any:
    """What vLLM's own parser makes of ``rest``; without a model, the bundled one's options.

    Raises ``InvalidRequest``; exits with status 2 for unknown options.
    """
    check_vllm()
    from arrol_serve.engine.plugin.compat import check_options
    from arrol_serve.engine.plugin.versions import serve_command

    command = serve_command()
    parser = command.make_arg_parser(_vllm_parser())
    # Progress bars are for terminals; a full disk under a log file would make them fail the start.
    parser.set_defaults(model=None, shutdown_timeout=GRACE_S, use_tqdm_on_load=sys.stderr.isatty())
    args = parser.parse_args(_model_as_option(rest))
    check_options(args)
    model = args.model_tag or args.model
    if model is None:
        model = str(bundled.MODEL)
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        parser.set_defaults(host="127.0.0.1", **bundled.SERVE_OPTIONS)
        args = parser.parse_args(rest)
    args.model = model
    check_model_folder(model)
    name_folder(args)
    for key in args.api_key or ():  # takes several values, and so the model that follows it
        if (Path(key) / "config.json").exists():
            raise InvalidRequest(
                f"{key} was read as a second --api-key, but is a model folder: put it first."
            )
    for name in NOT_OURS:
        if getattr(args, name, False):
            raise InvalidRequest(f"--{name} starts no HTTP server of arrol-serve: remove it.")
    if (args.api_server_count or 1) != 1:
        raise InvalidRequest(
            "--api-server-count must be 1: a search's candidates share one API process."
        )
    try:
        command.validate(args)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(str(error).removeprefix("Error: ")) from error
    return args


def _model_as_option(rest: list[str]) -> list[str]:
    """vLLM's ``--config`` wants options only where there is no sub-command."""
    positional = bool(rest) and not rest[0].startswith("-")
    return ["--model", *rest] if positional else rest


def _vllm_parser() -> Any:
    """vLLM's parser, with one-line errors instead of two screens of usage."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class OneLineParser(FlexibleArgumentParser):  # type: ignore[misc]  # vLLM is Any here
        def error(self, message: str) -> NoReturn:
            known = [flag for action in self._actions for flag in action.option_strings]
            _fail(f"{message}.{nearest_option(message, known)} See --help and --help=all.")

    return OneLineParser("arrol-serve")


def nearest_option(message: str, known: Iterable[str]) -> str:
    """A hint for argparse's "unrecognized arguments: --prot 1"."""
    unknown = [word for word in message.split() if word.startswith("--")]
    ours = [flag for action in build_parser()._actions for flag in action.option_strings]
    close = difflib.get_close_matches(unknown[0], [*ours, *known], 1) if unknown else []
    return f" Did you mean {close[0]}?" if close else ""


def _run(args: Any) -> None:
    import uvloop
    from vllm.entrypoints.launchers.api_server.entry import run_server
    from vllm.logger import configure_logging_from_args

    # vLLM logs an endpoint plugin that fails to import and serves on without it: fail here instead.
    import arrol_serve.api.plugin  # noqa: F401
    from arrol_serve.api.middleware.http_protocol import patient_protocol
    from arrol_serve.api.middleware.lifecycle import Lifecycle
    from arrol_serve.engine.plugin.versions import serve_command

    serve_command().set_up_environment()
    configure_logging_from_args(args)
    args.arrol_lifecycle = Lifecycle(args.shutdown_timeout)
    try:
        uvloop.run(run_server(args, http=patient_protocol(args.arrol_config.slow_request_s)))
    except ArrolError as error:
        _fail(str(error))
    except ValueError as error:  # pydantic's
        if "failed to be inspected" not in str(error) or find_spec("torchvision") is not None:
            raise
        _fail(BLIND)
    except OSError as error:
        if error.errno not in ADDRESS_ERRORS:
            raise
        _fail(
            f"cannot listen on {args.host or '0.0.0.0'}:{args.port}: {error.strerror}. "  # noqa: S104
            "Choose another with --port."
        )
    end(args.arrol_lifecycle.exit_status)
