"""From a run to what ``arrol-serve`` takes: a Hugging Face checkpoint with its head inside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.identity import weights_sha256
from arrol_serve.quality.artifact import HeadManifest, load_head, slug
from arrol_serve.quality.calibration import (
    auc,
    expected_calibration_error,
    sigmoid,
    within_group_auc,
)
from arrol_serve.quality.head import QualityHead
from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.head.artefact import base_model_facts, head_digest, write_head
from trainer.policy.adapters import save_adapters
from trainer.policy.generation_config import save_with_generation_config
from trainer.policy.learner import Learner
from trainer.policy.model import load_model
from trainer.provenance import provenance
from trainer.pruning.calibrating import calibrate
from trainer.pruning.online_head import FINAL, OnlineHead
from trainer.run import checkpoint
from trainer.run.folder import RunFolder, model_folder, model_name
from trainer.run.log import read_metrics
from trainer.run.model_card import model_card


def export(run: RunFolder, target: Path, which: str = checkpoint.NEWEST) -> Path:
    """Write a checkpoint's model, and its head if it has one, to the new folder ``target``.

    ``which``: as in ``checkpoint.find``. Raises ``ConfigError`` where there is nothing to export or
    ``target`` is taken.
    """
    config = run.config()
    chosen = checkpoint.find(run.checkpoints, which)
    if target.exists():
        raise ConfigError(f"{target} exists already: name a new folder.")
    state = checkpoint.load_state(chosen)
    facts = {"step": state["done"], "config": _published(json.loads(config.model_dump_json()))}
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    learner = Learner(model_folder(config), config.policy)
    learner.state.load_model(chosen / checkpoint.MODEL)
    _write_model(part, learner, model_folder(config))
    if config.lora.rank:
        save_adapters(learner.model, config.lora, model_name(config), part / "adapter")
    made = provenance(facts)
    (part / "provenance.json").write_text(json.dumps(made, indent=2) + "\n")
    has_head = state["head"] is not None
    if has_head:
        name = slug(target.name)
        _write_head(part / "heads" / name, target.name, config, learner, state, part)
    rows = read_metrics(run.path)
    (part / "README.md").write_text(
        model_card(target.name, model_name(config), made, rows, head=has_head)
    )
    part.replace(target)
    return target


def is_float32(model: Path) -> bool:
    """Whether an export holds what vLLM would serve a 16-bit copy of, if it is not told otherwise."""
    return bool(json.loads((model / "config.json").read_text()).get("dtype") == "float32")


def _write_model(folder: Path, learner: Learner, source: Path) -> None:
    """Save with adapters merged in, load back, and compare every tensor."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = learner.weights()
    model = load_model(source).to(learner.policy.dtype)
    model.load_state_dict(weights, strict=False)  # tied ones are not among them
    save_with_generation_config(model, folder, source)
    for path in folder.glob("*.safetensors"):  # written for their owner alone
        path.chmod((folder / "config.json").stat().st_mode)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    back = AutoModelForCausalLM.from_pretrained(folder, dtype=learner.policy.dtype)
    found = dict(back.named_parameters())
    for name, value in weights.items():
        if not torch.equal(found[name], value):
            raise RuntimeError(f"{name} came back from {folder} changed")


def _write_head(
    folder: Path,
    name: str,
    config: TrainConfig,
    learner: Learner,
    state: Mapping[str, Any],
    model: Path,
) -> None:
    """Calibrated on rollouts that the head was judged on before it learned from them."""
    facts = base_model_facts(learner.model.config, name, weights_sha256(str(model)))
    online = OnlineHead(facts.hidden_size, config.head, config.prune, config.run.seed)
    online.load_state(state["head"])
    head, unseen = online.head.eval(), online.unseen
    calibrate(head, unseen)
    manifest = write_head(
        folder,
        head,
        facts,
        version=f"step-{state['done']}-{head_digest(head)}",
        probes=config.prune.probes,
        metrics=head_metrics(unseen, head),
        provenance=provenance(
            _published(
                {"step": state["done"], "seed": config.run.seed, "source": config.data.source}
            )
        ),
    )
    load_head(folder)
    (folder / "README.md").write_text(card(manifest))


def head_metrics(unseen: Tensor, head: QualityHead) -> dict[str, dict[str, float]]:
    """By place: how good the scores of rollouts were that the head had not learned from yet."""
    table = {}
    for place in sorted(set(unseen[:, 2].tolist()), key=lambda p: (p == FINAL, p)):
        score, label, _, group, weight = unseen[unseen[:, 2] == place].numpy().T
        if label.min() == label.max():
            continue
        early, final = head.calibrated(torch.from_numpy(score))
        logit = (final if place == FINAL else early).numpy()
        table["final" if place == FINAL else str(int(place))] = {
            "rollouts": float(len(label)),
            "base_rate": float(np.average(label, weights=weight)),
            "auc": auc(logit, label, weight),
            "auc_within_group": within_group_auc(logit, label, group, weights=weight).value,
            "ece": expected_calibration_error(sigmoid(logit), label, weights=weight),
        }
    return table


def _published(value: Any) -> Any:
    """``value`` without this machine's folders: of absolute paths the last part is left."""
    if isinstance(value, dict):
        return {key: _published(item) for key, item in value.items()}
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def card(manifest: HeadManifest) -> str:
    """The head's README."""
    made = manifest.provenance
    lines = [
        f"# Quality head of {manifest.base_model.name}",
        "",
        f"Trained on the fly with the policy, to step {made['step']}, by `{made['command']}` on "
        f"{made['machine']}, {made['date']}. Version {manifest.version}.",
        "",
        "| generated tokens | rollouts | right | AUC | AUC within group | ECE |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {place} | {row['rollouts']:.0f} | {row['base_rate']:.2f} | {row['auc']:.3f} "
        f"| {row['auc_within_group']:.3f} | {row['ece']:.3f} |"
        for place, row in manifest.metrics.items()
    ]
    lines += [
        "",
        "Figures are of training rollouts of the last steps, each scored before the head learned from "
        "it: neither policy nor head stood still meanwhile. Pruned rollouts are not among them, survivors "
        "count 1 / propensity times for that. The calibration was fitted on the same rollouts, so the ECE "
        "flatters.",
        "",
    ]
    return "\n".join(lines)
