"""The fold on CPUs against plain tensor operations, and which scores it says can matter."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pytest
import torch

from arrol_serve.engine.plugin.scoring import host_fold
from arrol_serve.engine.plugin.scoring.device_check import Shapes, made_up
from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.scoring.fold import Places
from arrol_serve.engine.plugin.scoring.host_fold import HostFold
from arrol_serve.engine.plugin.scoring.tensor_fold import TensorFold

CPU = torch.device("cpu")
ANY = Ends((), NEVER, True, ())
AnyFold = TypeVar("AnyFold", HostFold, TensorFold)


def begun(fold: AnyFold, ends: Ends = ANY, slots: int = 8) -> AnyFold:
    for slot in range(slots):
        fold.begin(slot, 3, ends)
    return fold


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numpy_gives_the_numbers_of_tensor_operations(dtype: torch.dtype) -> None:
    generator = np.random.default_rng(1)
    host, tensors = begun(HostFold(8)), begun(TensorFold(8, CPU))
    for step in range(96):
        places, logits, _, sampled = made_up(generator, step, CPU, Shapes(dtype=dtype))
        host.before(places, logits, confidence=True)
        tensors.before(places, logits, confidence=True)
        ours, theirs = host.after(places, sampled), tensors.after(places, sampled)
        assert ours is not None
        assert theirs.confidence is not None
        new = sampled[places.lines] >= 0
        assert np.array([ours.who, ours.place]).T.tolist() == new.nonzero().tolist()
        assert ours.new.tolist() == new.sum(1)[ours.who].tolist()
        torch.testing.assert_close(
            torch.from_numpy(ours.features), theirs.features[new], atol=1e-4, rtol=1e-5
        )
        confidence = torch.from_numpy(ours.values[:, 1])
        torch.testing.assert_close(confidence, theirs.confidence[new], atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("confidence", [False, True])
def test_scores_that_are_asked_for_seldom_are_those_of_tensor_operations(confidence: bool) -> None:
    """Requests that stay together for some steps, a probe or a stop token among them, then others."""
    generator = np.random.default_rng(2)
    ends = Ends((7, 20, 60), 90, False, (3,))
    host, tensors = begun(HostFold(8), ends), begun(TensorFold(8, CPU))
    asked = waited = 0
    for steps in (1, 2, 9, 20, 5, 40):
        slots = np.sort(generator.permutation(8)[:5])
        places = Places(np.stack([slots, np.arange(5), np.arange(5)]), None)
        for _ in range(steps):
            logits = torch.from_numpy(generator.normal(0, 3, (5, 40)).astype(np.float32))
            logits[:, 9] = -torch.inf
            sampled = torch.from_numpy(generator.integers(0, 9, (5, 1), dtype=np.int32))
            for fold in (host, tensors):
                fold.before(places, logits, confidence=confidence)
            ours, theirs = host.after(places, sampled), tensors.after(places, sampled)
            if ours is None:
                waited += 1
                assert not (sampled == 3).any()
                continue
            asked += len(ours.who)
            expected = theirs.features[ours.who, ours.place]
            torch.testing.assert_close(
                torch.from_numpy(ours.features), expected, atol=1e-4, rtol=1e-5
            )
            if theirs.confidence is not None:
                found = torch.from_numpy(ours.values[:, 1])
                torch.testing.assert_close(found, theirs.confidence[ours.who, ours.place])
    assert min(asked, waited) > 20


def test_every_probe_is_asked_for_whoever_comes_and_goes() -> None:
    """Requests come, go and are left out of steps."""
    generator = np.random.default_rng(7)
    ends = Ends((4, 9, 15), 21, False, (3,))
    host, tensors = begun(HostFold(8), ends), begun(TensorFold(8, CPU), ends)
    lengths = np.zeros(8, np.int64)
    asked = 0
    for step in range(400):
        if step % 3 == 0:
            slots = generator.permutation(8)[: generator.integers(1, 7)]
            places = Places(np.stack([slots, *[np.arange(len(slots))] * 2]), None)
        logits = torch.from_numpy(generator.normal(0, 3, (len(slots), 40)).astype(np.float32))
        sampled = torch.from_numpy(generator.integers(0, 40, (len(slots), 1), dtype=np.int32))
        for fold in (host, tensors):
            fold.before(places, logits, confidence=True)
        ours, theirs = host.after(places, sampled), tensors.after(places, sampled)
        lengths[slots] += 1
        reached = np.isin(lengths[slots], [4, 9, 15, 21]) | (sampled[:, 0].numpy() == 3)
        who = [] if ours is None else ours.who.tolist()
        assert who == np.nonzero(reached)[0].tolist()
        asked += len(who)
        if ours is not None:
            expected = theirs.features[ours.who, ours.place]
            torch.testing.assert_close(
                torch.from_numpy(ours.features), expected, atol=1e-4, rtol=1e-5
            )
            assert theirs.confidence is not None
            confidence = torch.from_numpy(ours.values[:, 1])
            expected = theirs.confidence[ours.who, ours.place]
            torch.testing.assert_close(confidence, expected, atol=1e-4, rtol=1e-5)
            assert ours.lengths.tolist() == lengths[slots[ours.who]].tolist()
        for slot in np.nonzero(lengths == 21)[0].tolist():
            lengths[slot] = 0
            host.end(slot)
            for fold in (host, tensors):
                fold.begin(slot, 3, ends)
    assert asked > 100


def wanted(ends: Ends, runs: list[list[int]]) -> list[list[bool]]:
    """Of one request that gets these runs of tokens, which of them may need a score."""
    width = max(map(len, runs))
    fold = begun(HostFold(1), ends, slots=1)
    one = np.zeros((3, 1), np.int64)
    places = Places(one, None)
    seen = []
    for run in runs:
        fold.before(places, torch.zeros(width, 50), confidence=False)
        sampled = torch.tensor([run + [-1] * (width - len(run))], dtype=torch.int32)
        folded = fold.after(places, sampled)
        asked = [] if folded is None else folded.place.tolist()
        seen.append([place in asked for place in range(len(run))])
    return seen


def test_probes_are_wanted_also_inside_runs() -> None:
    assert wanted(Ends((2, 5), NEVER, False, ()), [[7], [7], [7], [7, 7, 7]]) == [
        *([False], [True], [False]),
        [False, True, True],
    ]


def test_two_probes_in_one_run_are_both_wanted() -> None:
    assert wanted(Ends((2, 3), NEVER, False, ()), [[7, 7, 7, 7]]) == [[False, True, True, True]]


def test_stop_tokens_and_the_greatest_length_are_wanted() -> None:
    assert wanted(Ends((), 4, False, (9,)), [[9, 7], [7], [7]]) == [[True, False], [False], [True]]


def test_a_stop_token_that_cannot_be_hides_no_other() -> None:
    """vLLM takes negative ones."""
    assert wanted(Ends((), NEVER, False, (-8, 9)), [[7], [9]]) == [[False], [True]]


def test_what_is_no_token_of_the_model_is_not_looked_up() -> None:
    assert wanted(ANY, [[7, 50, 7], [2**31 - 1]]) == [[True, False, False], [False]]


def test_tokens_may_be_of_either_width_and_more_than_slots() -> None:
    fold, one = begun(HostFold(1), slots=1), np.zeros((3, 1), np.int64)
    for dtype in (torch.int32, torch.int64):
        fold.before(Places(one, None), torch.zeros(6, 50), confidence=False)
        kept = fold.after(Places(one, None), torch.ones(1, 6, dtype=dtype))
        assert kept is not None
        assert kept.place.tolist() == list(range(6))
    assert kept.lengths.tolist() == list(range(7, 13))


def test_everything_is_wanted_where_any_token_may_be_the_last() -> None:
    assert wanted(Ends((), NEVER, True, ()), [[7, 7], [7]]) == [[True, True], [True]]


@pytest.mark.parametrize("cores", [1, 2**20])
def test_tokens_that_cannot_be_and_masked_ones_are_those_of_tensor_operations(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Structured output forces tokens of probability 0, in padded rows that are read in part."""
    monkeypatch.setattr(host_fold, "MANY", 1)
    monkeypatch.setattr(host_fold, "CORES", cores)
    generator = np.random.default_rng(3)
    host, tensors = begun(HostFold(8)), begun(TensorFold(8, CPU))
    lines = np.array([4, 0, 2])
    places = Places(np.array([[5, 1, 3], lines, range(3)]), torch.from_numpy(lines))
    for step in range(30):
        padded = torch.from_numpy(generator.normal(0, 3, (6, 64)).astype(np.float32))
        logits = padded[:, :40]
        logits[:, 7:20], logits[:, 20:30] = -torch.inf, -400.0
        sampled = torch.full((6, 1), (7, 25, 3)[step % 3], dtype=torch.int32)
        for fold in (host, tensors):
            fold.before(places, logits.clone() if step % 2 else logits, confidence=True)
        ours, theirs = host.after(places, sampled), tensors.after(places, sampled)
        assert ours is not None
        features, confidence = torch.from_numpy(ours.features), torch.from_numpy(ours.values[:, 1])
        torch.testing.assert_close(features, theirs.features[:, 0], atol=1e-4, rtol=1e-5)
        assert theirs.confidence is not None
        torch.testing.assert_close(confidence, theirs.confidence[:, 0], atol=1e-4, rtol=1e-5)


def test_it_works_in_inference_mode_and_out_of_it() -> None:
    """The worker samples in inference mode, and a warm-up may not."""
    fold, at, found = HostFold(4), np.arange(4), []
    places = Places(np.stack([at, at, at]), None)
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    for mode in (True, False, True):
        with torch.inference_mode(mode=mode):
            for slot in range(4):
                fold.begin(slot, 3, ANY)
            fold.before(places, logits, confidence=True)
            kept = fold.after(places, torch.ones(4, 1, dtype=torch.int32))
        assert kept is not None
        found.append((kept.features.tolist(), kept.values[:, 1].tolist()))
    assert found[0] == found[1] == found[2]


def test_last_bits_do_not_depend_on_who_else_is_there() -> None:
    """The same rollout alone, and with others that come, go and are asked for at other times."""
    generator = np.random.default_rng(5)
    logits = torch.from_numpy(generator.normal(0, 3, (150, 6, 40)).astype(np.float32))
    sampled = torch.from_numpy(generator.integers(0, 40, (150, 6, 1), dtype=np.int32))
    alone, among = HostFold(8), begun(HostFold(8), Ends((), NEVER, False, (3,)))
    ends = Ends((31, 32, 33, 64, 65, 100, 131, 150), NEVER, False, ())
    for fold in (alone, among):
        fold.begin(0, 3, ends)
    one, six = Places(np.zeros((3, 1), np.int64), None), np.arange(6)
    asked = 0
    for step in range(150):
        count = 1 + (step // 7) % 6
        if step % 11 == 0:
            among.begin(5, 3, ANY if step % 2 else Ends((), NEVER, False, (3,)))
        if step % 7 == 0:
            many = Places(np.stack([six[:count]] * 3), None)
        alone.before(one, logits[step, :1], confidence=False)
        among.before(many, logits[step, :count], confidence=False)
        ours = alone.after(one, sampled[step, :1])
        theirs = among.after(many, sampled[step, :count])
        if ours is not None:
            assert theirs is not None
            assert theirs.who[0] == 0
            assert ours.features.tolist() == theirs.features[:1].tolist()
            asked += 1
    assert asked == 8


def test_a_slot_is_empty_for_its_next_request() -> None:
    fold = begun(HostFold(1), ANY, slots=1)
    one = np.zeros((3, 1), np.int64)
    places = Places(one, None)
    token = torch.zeros(1, 1, dtype=torch.int32)
    found = []
    for _ in range(2):
        fold.begin(0, 3, ANY)
        fold.before(places, torch.zeros(1, 50), confidence=True)
        folded = fold.after(places, token)
        assert folded is not None
        found.append((folded.features.tolist(), folded.values[:, 1].tolist()))
    assert found[0] == found[1]
