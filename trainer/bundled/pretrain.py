"""Train the bundled policy from scratch: ``python -m trainer.bundled.pretrain --out DIR``.

Seeded and resumable: the stream of chats is a function of the seed and the step, and a checkpoint
holds everything else. Cross-entropy on the assistant's tokens, injected slips left out.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from arrol_serve.files import replacing
from trainer.bundled.tokenizer import ASSISTANT, END, USER, build_tokenizer
from trainer.prompts.arithmetic import ALL_LEVELS, CORE_LEVELS, Example, training_examples
from trainer.provenance import provenance

IGNORE = -100


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training with its own questions and its own learning-rate cycle."""

    steps: int
    peak: float
    warmup: int
    mix: Mapping[int, float]


PHASES = (Phase(2000, 1.0, 100, CORE_LEVELS), Phase(608, 0.4, 32, ALL_LEVELS))
"""First what it can master, then the levels at which it is to be right about half of the time."""
STEPS = sum(phase.steps for phase in PHASES)
SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 448,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 1024,
}


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A freshly initialised Qwen3 of about 1.8M parameters, tied embeddings, float32."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        rope_theta=10_000.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
        **SHAPE,
    )
    return Qwen3ForCausalLM(config).float()


def encode(example: Example, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Token ids and labels of one chat, in the chat template's own form."""
    ids = tokenizer.encode(f"{USER}{example.question}{END}{ASSISTANT}")
    labels = [IGNORE] * len(ids)
    for span in example.trace:
        piece = tokenizer.encode(span.text)
        ids += piece
        labels += piece if span.learn else [IGNORE] * len(piece)
    end = tokenizer.convert_tokens_to_ids(END)
    return [*ids, end], [*labels, end]


def batches(
    tokenizer: PreTrainedTokenizerFast, seed: int, rows: int, start: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """``(input_ids [B, T], labels [B, T])`` from step ``start`` on; sorted by length within 16 batches."""
    pool_size = 16  # phases begin at multiples of it
    for pool in range(start // pool_size, 10**9):
        mix = phase_at(pool * pool_size)[0].mix
        examples = list(islice(training_examples(seed * 1_000_003 + pool, mix), rows * pool_size))
        encoded = sorted((encode(e, tokenizer) for e in examples), key=lambda pair: len(pair[0]))
        order = torch.randperm(pool_size, generator=torch.Generator().manual_seed(pool)).tolist()
        for index in order[start % pool_size if pool == start // pool_size else 0 :]:
            yield _pad(encoded[index * rows : (index + 1) * rows], tokenizer.pad_token_id)


def _pad(rows: list[tuple[list[int], list[int]]], pad: int) -> tuple[Tensor, Tensor]:
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [IGNORE] * (width - len(labels)) for _, labels in rows])
    return ids, labels


def optimizers(model: Qwen3ForCausalLM, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices (https://kellerjordan.github.io/posts/muon/), AdamW for the rest."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(rest, lr=lr / 5, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def phase_at(step: int) -> tuple[Phase, int]:
    """The phase that ``step`` belongs to, and the steps gone in it."""
    for phase in PHASES:
        if step < phase.steps:
            return phase, step
        step -= phase.steps
    return PHASES[-1], PHASES[-1].steps


def schedule(step: int) -> float:
    """Share of the peak rate: in each phase a linear warm-up, then a cosine to 2 % of its peak."""
    phase, gone = phase_at(step)
    if gone < phase.warmup:
        return phase.peak * (gone + 1) / phase.warmup
    turn = math.pi * (gone - phase.warmup) / (phase.steps - phase.warmup)
    return phase.peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(turn)))


def train(args: argparse.Namespace) -> None:
    """Run, or resume, the whole training; write the model folder at the end."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    opts = optimizers(model, args.lr)
    peak = [group["lr"] for opt in opts for group in opt.param_groups]
    state_file = args.out / "training_state.pt"
    start = 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        start = state["step"]
        model.load_state_dict(state["model"])
        for opt, saved in zip(opts, state["opts"], strict=True):
            opt.load_state_dict(saved)
    began, last_saved = time.monotonic(), time.monotonic()
    stream = batches(tokenizer, args.seed, args.rows, start)
    bar = tqdm(range(start, STEPS), initial=start, total=STEPS, unit="step", mininterval=5)
    with (args.out / "training_log.jsonl").open("a") as log:
        for step in bar:
            ids, labels = next(stream)
            groups = [group for opt in opts for group in opt.param_groups]
            for group, lr in zip(groups, peak, strict=True):
                group["lr"] = lr * schedule(step)
            hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
            keep = labels[:, 1:] != IGNORE
            loss = F.cross_entropy(model.lm_head(hidden[keep]), labels[:, 1:][keep])
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for opt in opts:
                opt.step()
                opt.zero_grad(set_to_none=True)
            if step % 20 == 0:
                record = {"step": step, "loss": loss.item(), "grad_norm": norm.item()}
                log.write(
                    json.dumps(record | {"seconds": round(time.monotonic() - began, 1)}) + "\n"
                )
                log.flush()
                bar.set_postfix(loss=f"{loss.item():.4f}")
            if time.monotonic() - last_saved > args.save_every_s:
                _save_state(state_file, step + 1, model, opts)
                save_model(args.out / "latest", model, tokenizer, {})
                last_saved = time.monotonic()
    _save_state(state_file, STEPS, model, opts)
    facts = {
        "steps": STEPS,
        "rows": args.rows,
        "lr": args.lr,
        "seed": args.seed,
        "loss": loss.item(),
    }
    save_model(args.out / "model", model, tokenizer, facts)


def _save_state(
    path: Path, step: int, model: Qwen3ForCausalLM, opts: list[torch.optim.Optimizer]
) -> None:
    state = {"step": step, "model": model.state_dict(), "opts": [opt.state_dict() for opt in opts]}
    with replacing(path) as part:
        torch.save(state, part)


def save_model(
    folder: Path, model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, facts: dict[str, Any]
) -> None:
    """A Hugging Face folder: config, safetensors, tokenizer, generation config, provenance."""
    model.generation_config.do_sample = True
    model.generation_config.temperature = 1.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "provenance.json").write_text(json.dumps(provenance(facts), indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="run folder; an unfinished run resumes"
    )
    parser.add_argument("--rows", type=int, default=48, help="chats per step")
    parser.add_argument("--lr", type=float, default=0.02, help="Muon's peak; AdamW takes a fifth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every-s", type=float, default=240)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
