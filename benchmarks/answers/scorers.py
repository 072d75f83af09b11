"""Public scorers of other projects, run by a Python that has them: one JSON line a reply, in and out.

``PYTHON benchmarks/answers/scorers.py NAME < pairs.jsonl``; each line is ``[reply, gold]``, each line of the
output ``true``, ``false`` or ``null`` (the scorer raised). Exit status 3: the scorer is not there.
Imports nothing of this repository.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

Scorer = Callable[[str, str], bool]


def _file(package: str, path: str) -> ModuleType:
    """A module by its file, without what the package around it imports. Raises ``ImportError``."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ImportError(package)
    place = Path(next(iter(found.submodule_search_locations))) / path
    spec = importlib.util.spec_from_file_location(place.stem, place)
    if spec is None or spec.loader is None:
        raise ImportError(str(place))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def math_verify() -> Scorer:
    from math_verify import parse, verify

    return lambda reply, gold: bool(verify(parse(f"${gold}$"), parse(reply)))


def lm_eval_minerva() -> Scorer:
    module = _file("lm_eval", "tasks/minerva_math/utils.py")

    def score(reply: str, gold: str) -> bool:
        answer = module.normalize_final_answer(module.get_unnormalized_answer(reply))
        return bool(module.is_equiv(answer, gold))

    return score


def lm_eval_hendrycks() -> Scorer:
    module = _file("lm_eval", "tasks/hendrycks_math/utils.py")

    def score(reply: str, gold: str) -> bool:
        document = {"solution": f"\\boxed{{{gold}}}"}
        return bool(module.process_results(document, [reply])["exact_match"])

    return score


def verl_math() -> Scorer:
    module = _file("verl", "utils/reward_score/math_reward.py")
    return lambda reply, gold: module.compute_score(reply, gold) > 0


def verl_dapo() -> Scorer:
    module = _file("verl", "utils/reward_score/math_dapo.py")
    return lambda reply, gold: bool(module.compute_score(reply, gold)["acc"])


def verl_gsm8k() -> Scorer:
    module = _file("verl", "utils/reward_score/gsm8k.py")
    return lambda reply, gold: module.compute_score(reply, gold, method="flexible") > 0


SCORERS: dict[str, Callable[[], Scorer]] = {
    "math-verify": math_verify,
    "lm-eval minerva_math": lm_eval_minerva,
    "lm-eval hendrycks_math": lm_eval_hendrycks,
    "verl math_reward": verl_math,
    "verl math_dapo": verl_dapo,
    "verl gsm8k, flexible": verl_gsm8k,
}


def main() -> None:
    try:
        scorer = SCORERS[sys.argv[1]]()
    except (ImportError, AssertionError, FileNotFoundError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(3) from error
    for line in sys.stdin:
        reply, gold = json.loads(line)
        verdict: bool | None
        try:
            verdict = bool(scorer(reply, gold))
        except Exception:  # noqa: BLE001  # whatever another project raises is no verdict
            verdict = None
        print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    main()
