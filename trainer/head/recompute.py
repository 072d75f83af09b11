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

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.engine.plugin.scoring.fold import FLOOR
from arrol_serve.quality.statistics import RunningStatistics
from trainer.engines.sampling import SampledRollout
from trainer.policy.logits import OutputLayer, check_logits
from trainer.policy.logprobs import LOGITS


class Recomputer:
    """``layers``: whose outputs take the hidden state's place, side by side; none: the last one's, after
    the final norm. Layer n is what n layers have made of the embedding."""

    def __init__(self, model: Path, layers: Sequence[int] = ()) -> None:
        from transformers import AutoModelForCausalLM

        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        found = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        self._model: Any = found.to(self._device).eval()
        check_logits(self._model)
        self._layers = tuple(layers)

    @torch.inference_mode()
    def features(self, group: Sequence[SampledRollout], positions: Sequence[int]) -> FeatureRecord:
        """Head inputs of one prompt's rollouts, at ``positions`` and at each last token."""
        record = FeatureRecord()
        group = [rollout for rollout in group if rollout.token_ids]
        if not group:
            return record
        lengths = [rollout.token_count for rollout in group]
        rows = [place for place, length in enumerate(lengths) for _ in range(length)]
        steps = [step for length in lengths for step in range(length)]
        hidden, states = self._hidden(group, rows, steps)
        tokens = torch.tensor([t for r in group for t in r.token_ids], device=self._device)
        logprobs, entropies = self._read(states, tokens)
        statistics = _statistics(torch.split(logprobs, lengths), torch.split(entropies, lengths))
        table = torch.cat([hidden, statistics[rows, steps]], dim=1).cpu()
        for rollout, part in zip(group, torch.split(table, lengths), strict=True):
            last = rollout.token_count
            for count in sorted({p for p in positions if p < last} | {last}):
                record.add(rollout.group, rollout.index, count, part[count - 1].clone())
        return record

    def _hidden(
        self, group: Sequence[SampledRollout], rows: list[int], steps: list[int]
    ) -> tuple[Tensor, Tensor]:
        """The head's states and the output layer's, [sum of T, D]. The prompt is read once."""
        *before, last = group[0].prompt_ids
        replies = [torch.tensor([last, *rollout.token_ids[:-1]]) for rollout in group]
        # Causal: what is padded on the right is never looked at.
        batch, cache = pad_sequence(replies, batch_first=True).to(self._device), None
        if before:
            prompt = torch.tensor([before], device=self._device)
            cache = self._model.base_model(input_ids=prompt, use_cache=True).past_key_values
            cache.batch_repeat_interleave(len(group))
        found = self._model.base_model(
            input_ids=batch, past_key_values=cache, output_hidden_states=bool(self._layers)
        )
        final = found.last_hidden_state[rows, steps]
        chosen = [found.hidden_states[layer][rows, steps] for layer in self._layers]
        return torch.cat(chosen, dim=1) if chosen else final, final

    def _read(self, states: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of each sampled token and entropy of its distribution, [sum of T]."""
        layer = OutputLayer(self._model)
        size = max(1, LOGITS // self._model.config.get_text_config().vocab_size)
        chosen, entropies = [], []
        for rows, sampled in zip(torch.split(states, size), torch.split(tokens, size), strict=True):
            logprobs = torch.log_softmax(layer(rows), dim=-1)
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
