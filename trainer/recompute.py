"""The head's inputs computed again by transformers from kept token ids, where no engine recorded them.

Costs a forward pass over every prompt and reply, in float32 on the device that is there. The rows are
those that the engine's worker reads (``engine/plugin/scorer.py``): the hidden state that the token was
sampled from, and the running statistics with it. Shapes: R rollouts, T tokens, D hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from arrol_serve.engine.plugin.scorer import FLOOR, FeatureRecord
from arrol_serve.quality.statistics import RunningStatistics
from trainer.logprobs import LOGITS
from trainer.rollouts import SampledRollout


class Recomputer:
    """``layer``: whose output is the hidden state; None: the last one's, after the final norm."""

    def __init__(self, model: Path, layer: int | None = None) -> None:
        from transformers import AutoModelForCausalLM

        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        found = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        self._model: Any = found.to(self._device).eval()
        self._layer = layer

    @torch.inference_mode()
    def features(self, group: Sequence[SampledRollout], positions: Sequence[int]) -> FeatureRecord:
        """Of one rollout group, at ``positions`` and at each last token."""
        record = FeatureRecord()
        group = [rollout for rollout in group if rollout.token_ids]
        if not group:
            return record
        hidden, states = self._hidden(group)
        lengths = [rollout.token_count for rollout in group]
        tokens = torch.tensor([t for r in group for t in r.token_ids], device=self._device)
        logprobs, entropies = self._read(torch.cat(states), tokens)
        statistics = _statistics(torch.split(logprobs, lengths), torch.split(entropies, lengths))
        for row, rollout in enumerate(group):
            for count in sorted({p for p in positions if p < lengths[row]} | {lengths[row]}):
                parts = [hidden[row][count - 1], statistics[row][count - 1]]
                record.add(rollout.group, rollout.index, count, torch.cat(parts).cpu())
        return record

    def _hidden(self, group: Sequence[SampledRollout]) -> tuple[list[Tensor], list[Tensor]]:
        """The head's states and the output layer's, [T, D] for each rollout."""
        ids = [torch.tensor([*r.prompt_ids, *r.token_ids[:-1]]) for r in group]
        # Causal: what is padded on the right is never looked at.
        batch = pad_sequence(ids, batch_first=True).to(self._device)
        found = self._model.base_model(
            input_ids=batch, use_cache=False, output_hidden_states=self._layer is not None
        )
        last = found.last_hidden_state
        read = last if self._layer is None else found.hidden_states[self._layer]
        spans = [slice(len(r.prompt_ids) - 1, len(i)) for r, i in zip(group, ids, strict=True)]
        return tuple(  # type: ignore[return-value]
            [rows[place, span] for place, span in enumerate(spans)] for rows in (read, last)
        )

    def _read(self, states: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of each sampled token and entropy of its distribution, [sum of T]."""
        layer = self._model.get_output_embeddings()
        size = max(1, LOGITS // self._model.config.get_text_config().vocab_size)
        chosen, entropies = [], []
        for rows, sampled in zip(torch.split(states, size), torch.split(tokens, size), strict=True):
            logprobs = torch.log_softmax(layer(rows).float(), dim=-1)
            chosen.append(logprobs.gather(1, sampled[:, None]).squeeze(1))
            entropies.append(-torch.linalg.vecdot(logprobs.exp(), logprobs.clamp(min=FLOOR)))
        return torch.cat(chosen), torch.cat(entropies)


def _statistics(logprobs: Sequence[Tensor], entropies: Sequence[Tensor]) -> Tensor:
    """``RunningStatistics.features`` after every token, [R, longest T, K]."""
    length = torch.tensor([len(row) for row in logprobs], device=logprobs[0].device)
    table = RunningStatistics(len(logprobs), length.device)
    columns = pad_sequence(list(logprobs)), pad_sequence(list(entropies))  # [longest T, R] each
    every, steps = torch.arange(len(logprobs), device=length.device), []
    for step, (logprob, entropy) in enumerate(zip(*columns, strict=True)):
        alive = every[length > step]
        table.update(alive, logprob[alive], entropy[alive])
        steps.append(table.features(every))
    return torch.stack(steps, dim=1)
