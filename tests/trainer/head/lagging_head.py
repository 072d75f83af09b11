"""``arrol-train head`` as on a GPU: the next step is under way when a step's tokens are looked at."""

from __future__ import annotations

import sys
from typing import Any

from vllm.config import VllmConfig

from arrol_serve.engine.plugin import scheduler
from trainer import cli


class Watched(scheduler.AsyncPruningScheduler):
    """Says once that it was a step ahead."""

    under_way, told = 0, False

    def schedule(self, *args: Any, **options: Any) -> Any:
        self.under_way += 1
        if self.under_way == 2 and not self.told:
            self.told = True
            print("two steps under way", file=sys.stderr, flush=True)
        return super().schedule(*args, **options)

    def update_from_output(self, *args: Any, **options: Any) -> Any:
        self.under_way -= 1
        return super().update_from_output(*args, **options)


if __name__ == "__main__":
    VllmConfig.max_concurrent_batches = 2  # type: ignore[assignment,method-assign]
    scheduler.make_scheduler = Watched  # type: ignore[assignment]
    sys.argv[1:1] = ["head"]
    cli.main()
