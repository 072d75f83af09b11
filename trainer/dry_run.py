"""What a run would meet: data, model and reward function looked at, without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from arrol_serve.answers.pool import AnswerPool
from trainer.config import TrainConfig
from trainer.engines.opening import Encoder, open_room
from trainer.engines.options import check_options
from trainer.engines.weight_transfer import check_backend, sends_adapters, sync_options
from trainer.errors import ModelError
from trainer.held_out.exam import check_rewards
from trainer.held_out.questions import QuestionSet, question_sets
from trainer.precision import compute_dtype
from trainer.prompts.chat import messages
from trainer.prompts.listed import Listed
from trainer.prompts.prompt import Prompt
from trainer.prompts.room import with_room
from trainer.prompts.sources import open_source
from trainer.rewards.grader import Grader
from trainer.run.folder import model_folder

LOOKED_AT = 200
"""Generated prompts whose length is looked at."""
GIB = 2**30


def look(config: TrainConfig) -> list[str]:
    """Lines for people. Raises what a run would raise before its first step, the engine's errors apart."""
    folder = model_folder(config)
    remote = bool(config.rollout.replicas)
    check_backend(config.sync.backend, remote=remote, sleep=config.rollout.sleep)
    sends_adapters(config.sync, config.lora, remote=remote)
    check_options(config.engine, sync_options(config.sync.backend))
    found = _model(folder, config)
    room = open_room(folder, config.rollout, config.chat)
    source = with_room(open_source(config.data, config.run.seed), room)
    listed = isinstance(source, Listed)
    count = len(source) if isinstance(source, Listed) else LOOKED_AT
    prompts = [source.prompt(number) for number in range(count)]
    found += _data(prompts, config, folder, listed=listed)
    sets = question_sets(config.eval, config.data, room) if config.eval.every else []
    if sets:
        named = ", ".join(f"{one.name} ({len(one.prompts)} questions)" for one in sets)
        replies = "1 reply" if config.eval.samples == 1 else f"{config.eval.samples} replies"
        found.append(f"evaluation: {named}, {replies} each")
    return [*found, _reward(prompts, sets, config)]


def _model(folder: Path, config: TrainConfig) -> list[str]:
    from transformers import AutoConfig, AutoModelForCausalLM

    facts = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(facts)
    parameters = sum(weight.numel() for weight in model.parameters())
    _check_output_layer(model, folder)
    lines = [f"model: {type(model).__name__}, {parameters / 1e6:,.1f} million parameters, {folder}"]
    return [*lines, _memory(parameters, config)]


def _check_output_layer(model: Any, folder: Path) -> None:
    """By names alone; all tensors are looked at when the model is loaded."""
    if model.config.get_text_config().tie_word_embeddings:
        return
    output = model.get_output_embeddings()
    layer = next((name for name, module in model.named_modules() if module is output), "")
    last = layer.rpartition(".")[2]
    stored = {name.removesuffix(".weight").rpartition(".")[2] for name in _stored(folder)}
    if stored and last and last not in stored:
        raise ModelError(
            f"run.model: the checkpoint in {folder} lacks {layer}.weight, and its config does not tie it.",
            param="run.model",
        )


def _stored(folder: Path) -> set[str]:
    names: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            names |= set(file.keys())
    return names


def _memory(parameters: int, config: TrainConfig) -> str:
    """Weights, gradients and the optimizer's two means; with adapters, weights alone."""
    each = 4
    if not config.lora.rank:
        means = 8 if config.optim.name == "adamw" else 2
        each += 4 + means + 4 * (config.algorithm.kl_weight > 0)
    trainer = each * parameters / GIB
    engine = compute_dtype(config.optim).itemsize * parameters / GIB
    engine = 0.0 if config.rollout.replicas else engine
    free = _free() / GIB
    fits = "fits" if trainer + engine < free else "does NOT fit: see lora.rank, or take more memory"
    return (
        f"memory: {trainer:.1f} GiB for the trainer's weights, gradients and optimizer, {engine:.1f} for "
        f"the engine's weights, {free:.1f} free; {fits} (activations and the engine's cache come on top)"
    )


def _free() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    import psutil

    return int(psutil.virtual_memory().available)


def _data(
    prompts: Sequence[Prompt], config: TrainConfig, folder: Path, *, listed: bool
) -> list[str]:
    encode = Encoder(folder, config.chat.template)
    lengths = [len(encode(messages(config.chat, p.question, p.before))) for p in prompts]
    most, first = max(lengths), prompts[0]
    rows = (
        f"{len(prompts)} row{'s' * (len(prompts) > 1)}"
        if listed
        else f"generated, {len(prompts)} looked at"
    )
    room = config.rollout.max_model_len - config.rollout.max_tokens
    shown = encode.text(messages(config.chat, first.question, first.before))
    quoted = [f"  | {line}" for line in islice(shown.splitlines(), 30)]
    return [
        f"data: {config.data.source}, {rows}; the longest prompt has {most} of at most {room} tokens",
        "first prompt:",
        *quoted,
        f"gold answer: {first.gold}",
    ]


def _reward(prompts: Sequence[Prompt], sets: Sequence[QuestionSet], config: TrainConfig) -> str:
    """Functions are loaded and called once, in their processes. Raises ``ConfigError`` and ``RewardLost``."""
    pool = AnswerPool(1, config.reward.timeout_s)
    try:
        grader = Grader(pool, config.reward, config.data.source)
        grader.check(prompts)
        check_rewards(sets, config.reward, pool)
        (grade,) = grader.grade([(f"\\boxed{{{prompts[0].gold}}}", prompts[0])])
    finally:
        pool.close()
    worth = f"no value ({grade.problem})" if grade.value is None else f"{grade.value:g}"
    names = ", ".join(grader.labels)
    return f"reward: {names}; the first gold answer in a box is worth {worth}"
