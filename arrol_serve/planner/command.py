"""``arrol-serve plan MODEL --gpu h100 --samples 16 ...``: the planner's command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from arrol_serve.errors import InvalidRequest
from arrol_serve.planner.estimate import Load, Plan, Setup, estimate
from arrol_serve.planner.hardware import GIB, GPUS, find_gpu
from arrol_serve.planner.model_shape import DTYPE_BYTES, ModelShape, read_shape


def plan_parser() -> argparse.ArgumentParser:
    """Options in the units of datasheets."""
    parser = argparse.ArgumentParser(
        "arrol-serve plan",
        description="Memory, concurrency and a throughput bound of one replica, by arithmetic.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("model", type=Path, help="model folder or config.json")
    option("--gpu", help=f"one of {', '.join(GPUS)}")
    option("--gpus", type=int, default=1, help="tensor-parallel GPUs; default 1")
    option("--memory-gib", type=float, help="memory of one GPU; default: the named GPU's")
    option("--bandwidth-gb-s", type=float, help="bandwidth of its memory; default: the named GPU's")
    option("--tflops", type=float, help="dense, in the model's precision; default: the named GPU's")
    option("--samples", type=int, default=16, help="candidates of a search; default 16")
    option("--prompt", type=int, default=256, help="prompt tokens; default 256")
    option("--output", type=int, default=2048, help="mean tokens of a candidate; default 2048")
    option("--keep", type=float, default=1.0, help="share kept at the probe; default 1, no pruning")
    option(
        "--probe", type=int, default=512, help="tokens at which candidates are judged; default 512"
    )
    option("--kv-dtype", choices=tuple(DTYPE_BYTES), help="default: the model's")
    option("--kv-gib", type=float, help="KV cache of one GPU; default: what the weights leave")
    option(
        "--utilization",
        type=float,
        default=0.92,
        help="vLLM's --gpu-memory-utilization; default 0.92",
    )
    option("--reserve-gib", type=float, default=2.0, help="kept for activations, graphs; default 2")
    option("--max-seqs", type=int, default=256, help="vLLM's --max-num-seqs; default 256")
    option("--block", type=int, default=16, help="tokens of a KV block; default 16")
    option("--efficiency", type=float, default=0.5, help="share of the bound reached; default 0.5")
    option("--json", action="store_true", help="print JSON")
    return parser


def plan_command(arguments: list[str]) -> str:
    """What to print. Raises ``InvalidRequest``."""
    args = plan_parser().parse_args(arguments)
    _check(args)
    model = read_shape(args.model)
    load = Load(args.samples, args.prompt, args.output, args.keep, min(args.probe, args.output))
    setup = Setup(
        gpu=find_gpu(args.gpu, args.memory_gib, args.bandwidth_gb_s, args.tflops),
        gpus=args.gpus,
        kv_dtype_bytes=DTYPE_BYTES[args.kv_dtype] if args.kv_dtype else model.dtype_bytes,
        utilization=args.utilization,
        reserve=args.reserve_gib * GIB,
        kv_memory=None if args.kv_gib is None else args.kv_gib * GIB,
        max_seqs=args.max_seqs,
        block=args.block,
        efficiency=args.efficiency,
    )
    plan = estimate(model, load, setup)
    if args.json:
        parts = {"model": asdict(model), "load": asdict(load), "setup": asdict(setup)}
        return json.dumps({**parts, "plan": asdict(plan)}, indent=2)
    return _table(model, load, setup, plan)


def _check(args: argparse.Namespace) -> None:
    at_least_one = ("gpus", "samples", "prompt", "output", "probe", "max_seqs", "block")
    for name in at_least_one:
        if getattr(args, name) < 1:
            raise InvalidRequest(f"--{name.replace('_', '-')} must be at least 1.")
    for name in ("keep", "utilization", "efficiency"):
        if not 0 < getattr(args, name) <= 1:
            raise InvalidRequest(f"--{name} must be in (0, 1].")
    for name in ("memory_gib", "bandwidth_gb_s", "tflops", "kv_gib"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise InvalidRequest(f"--{name.replace('_', '-')} must be above 0.")


def _table(model: ModelShape, load: Load, setup: Setup, plan: Plan) -> str:
    pruned = f", keep {load.keep:g} at {load.probe}" if load.keep < 1 else ""
    rows = [
        ("model", f"{model.name}, {model.parameters / 1e9:.3g} B parameters"),
        ("replica", f"{setup.gpus} x {setup.gpu.name}"),
        ("search", f"{load.samples} x {load.output} tokens after {load.prompt}{pruned}"),
        ("weights per GPU", f"{plan.weights_gib_per_gpu:.2f} GiB"),
        ("KV cache per GPU", f"{plan.kv_gib_per_gpu:.2f} GiB"),
        ("KV bytes per token and GPU", f"{plan.kv_bytes_per_token:,.0f}"),
        ("KV capacity", f"{plan.kv_tokens:,} tokens"),
        ("searches at once, on average", f"{plan.groups:,}"),
        ("searches at once, never preempted", f"{plan.groups_at_peak:,}"),
        ("sequences a step", f"{plan.batch:,.0f} (--max-num-seqs {setup.max_seqs})"),
        ("step, at best", f"{plan.step_ms:.2f} ms, bound by {plan.bound_by}"),
        ("tokens/s, at most", f"{plan.tokens_per_s_bound:,.0f}"),
        ("tokens a search", f"{plan.tokens_per_search:,.0f}"),
        ("saved by pruning", f"{plan.tokens_saved_by_pruning:.0%}"),
        ("searches/s, at most", f"{plan.searches_per_s_bound:.3g}"),
        (f"searches/s, at {setup.efficiency:.0%} of it", f"{plan.searches_per_s_expected:.3g}"),
        ("seconds a search, under that load", f"{plan.seconds_per_search:.3g}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}s}  {value}" for name, value in rows)
