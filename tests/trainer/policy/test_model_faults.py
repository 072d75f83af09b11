"""Models that would be trained or exported wrongly are known at the start of a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.paths import MODEL
from trainer.config import load_config
from trainer.engines.opening import open_room
from trainer.errors import ConfigError, ModelError
from trainer.policy.generation_config import FILE, complaint, save_with_generation_config, tell
from trainer.policy.model import load_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    return folder


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_an_output_layer_that_is_not_there_is_not_made_up(model: Path) -> None:
    change(model / "config.json", tie_word_embeddings=False)
    with pytest.raises(ModelError, match=r"lacks lm_head\.weight.*tie_word_embeddings"):
        load_model(model)


def test_a_layer_that_is_not_there_is_not_made_up(model: Path) -> None:
    change(model / "config.json", num_hidden_layers=9, layer_types=["full_attention"] * 9)
    with pytest.raises(ModelError, match=r"lacks model\.layers\.8\..* and \d+ more"):
        load_model(model)


def test_a_model_without_a_chat_template_is_named(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match=r"has no chat template.*chat_template\.jinja"):
        open_room(model, load_config(None).rollout)


REFUSED = {"do_sample": False, "temperature": 0.6, "top_p": 0.9, "eos_token_id": 4}


def test_a_generation_config_that_is_refused_is_said_and_exported_as_it_is(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / FILE).write_text(json.dumps(REFUSED))
    loaded = load_model(model)
    with pytest.raises(ValueError, match="Fix these issues"):
        loaded.save_pretrained(tmp_path / "plainly")
    tell(loaded, model)
    assert "transformers refuses to write" in capsys.readouterr().err
    save_with_generation_config(loaded, tmp_path / "saved", model)
    assert json.loads((tmp_path / "saved" / FILE).read_text()) == REFUSED
    back = load_model(tmp_path / "saved")
    weights = dict(loaded.named_parameters())
    assert all(torch.equal(weights[name], value) for name, value in back.named_parameters())


def test_one_that_is_taken_is_written(model: Path, tmp_path: Path) -> None:
    loaded = load_model(model)
    assert complaint(loaded) is None
    save_with_generation_config(loaded, tmp_path / "saved", model)
    assert json.loads((tmp_path / "saved" / FILE).read_text())["eos_token_id"] == 4
