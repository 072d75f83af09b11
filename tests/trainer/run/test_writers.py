"""A step's figures where people look for them, and the progress lines."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.paths import ROOT
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.run.log import MetricsLog, read_metrics
from trainer.run.progress import Progress

ROW = {"step": 1, "reward": 0.25, "head/auc": 0.7, "eval/pass@1": 0.5, "ess": None}


def test_prometheus_scrapes_the_last_step(tmp_path: Path) -> None:
    port = free_port()
    log = MetricsLog(tmp_path, 0, load_config(None, [f"log.prometheus_port={port}"]))
    log.write(ROW)
    log.write({"step": 2, "reward": 0.5})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        lines = reply.read().decode().splitlines()
    log.close()
    assert "arrol_train_step 2.0" in lines
    assert "arrol_train_reward 0.5" in lines
    assert "arrol_train_head_auc 0.7" in lines
    assert "arrol_train_eval_pass_at_1 0.5" in lines
    assert not [line for line in lines if "ess" in line]
    written = read_metrics(tmp_path)
    assert all(
        datetime.now(UTC) - datetime.fromisoformat(row.pop("time")) < timedelta(minutes=1)
        for row in written
    )
    assert written == [ROW, {"step": 2, "reward": 0.5}]


def test_a_taken_prometheus_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        config = load_config(None, [f"log.prometheus_port={other.getsockname()[1]}"])
        with pytest.raises(ConfigError, match=r"log\.prometheus_port: cannot listen"):
            MetricsLog(tmp_path, 0, config)


READ_BACK = """
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trainer.config import load_config
from trainer.run.log import MetricsLog
from pathlib import Path

log = MetricsLog(Path(sys.argv[1]), 0, load_config(None, ["log.tensorboard=true"]))
log.write({"step": 1, "reward": 0.25, "ess": None})
log.write({"step": 2, "reward": 0.5})
log.close()
events = EventAccumulator(sys.argv[1] + "/tensorboard")
events.Reload()
print([(e.step, e.value) for e in events.Scalars("reward")], events.Tags()["scalars"])
"""


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    words = [sys.executable, "-W", "ignore", "-c", READ_BACK, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "[(1, 0.25), (2, 0.5)] ['reward']\n", done.stderr[-2000:]


WANDB = """
import json, sys, time
from pathlib import Path
from trainer.config import load_config
from trainer.run.log import MetricsLog
from trainer.run.rollouts import kept_file
from trainer.samples.kept import ShownGroup, ShownReply, packed

folder = Path(sys.argv[1])
kept = kept_file(folder, 1)
kept.parent.mkdir()
reply = ShownReply(0, "it is 4", 7, "finished", True, figures={"reward": 1.0, "score": None})
kept.write_bytes(packed([ShownGroup("1/0", "step 1", "2+2?", "4", (reply,))]))
named = ["log.wandb=p", "log.wandb_name=n", "log.wandb_group=g", 'log.wandb_tags=["a", "b"]']
log = MetricsLog(folder, 0, load_config(None, named))
run = log._writers[0]._run
log.write({"step": 1, "reward": 0.25, "ess": None})
log.write({"step": 2, "reward": 0.5})
end = time.monotonic() + 30
while dict(run.summary).get("reward") is None and time.monotonic() < end:
    time.sleep(0.1)  # a step is whole when the next one comes
told = [run.project, run.name, run.group, list(run.tags), dict(run.summary)["reward"], run.id]
log.close()
(table,) = folder.rglob("rollouts_*.table.json")
again = MetricsLog(folder, 2, load_config(None, named))
told.append(again._writers[0]._run.id)
again.close()
print(json.dumps([told, json.loads(table.read_text())]))
"""


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="needs the extra wandb")
def test_weights_and_biases_has_names_figures_and_a_table_of_rollouts(tmp_path: Path) -> None:
    """Without a network, and under the same id when it goes on."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WANDB, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (project, name, group, tags, reward, first, second), table = json.loads(
        done.stdout.splitlines()[-1]
    )
    assert (project, name, group, tags, reward) == ("p", "n", "g", ["a", "b"], 0.25)
    assert first == second
    row = dict(zip(table["columns"], table["data"][0], strict=True))
    assert (row["reply"], row["right"], row["reward"], row["score"]) == ("it is 4", True, 1.0, None)


def test_names_for_weights_and_biases_need_a_project() -> None:
    with pytest.raises(ConfigError, match="wandb names no project"):
        load_config(None, ["log.wandb_tags=a"])


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed")
def test_a_missing_package_is_named_with_its_extra(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log\.wandb.*pip install 'arrol-serve\[wandb\]'"):
        MetricsLog(tmp_path, 0, load_config(None, ["log.wandb=project"]))


def test_a_plain_progress_line_tells_how_long_it_will_take() -> None:
    progress = Progress(start=10, steps=50)
    progress.show({"step": 20, "reward": 0.5, "head/auc": 0.75, "tokens_per_s": 5123.4})
    line = progress.line(20, elapsed=60.0)
    progress.close()
    assert line == "step 20/50 reward 0.500 AUC 0.750 tok/s 5,123 ETA 03:00"
