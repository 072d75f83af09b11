"""Questions as chats: what the options say, and what the model's template makes of it."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from tests.paths import MODEL
from trainer.config import dump_config, load_config
from trainer.engines.opening import Encoder
from trainer.errors import ConfigError
from trainer.prompts.chat import add_chat, messages, read_chat
from trainer.sections import ChatSection


def said(*words: str) -> ChatSection:
    parser = argparse.ArgumentParser()
    add_chat(parser)
    return read_chat(vars(parser.parse_args(words)))


def test_options_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "system.txt").write_text("Be brief.\n")
    words = ["--system", f"@{tmp_path / 'system.txt'}", "--stop", "\n\n", "Q:"]
    chat = said(*words, "--chat-template-args", "enable_thinking=false", "effort=low", "n=3")
    template = {"enable_thinking": False, "effort": "low", "n": 3}
    assert chat == ChatSection(system="Be brief.", template=template, stop=("\n\n", "Q:"))
    assert said("--chat-template-args", json.dumps(template)).template == template
    assert said() == ChatSection()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--chat-template-args", "thinking"], "write NAME=VALUE"),
        (["--chat-template-args", "{no"], "no JSON object"),
        (["--stop", ""], "an empty string"),
        (["--system", "@nowhere.txt"], "cannot be read"),
    ],
)
def test_options_that_cannot_be(words: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        said(*words)


def test_a_recipe_has_the_same_and_gives_it_back(tmp_path: Path) -> None:
    words = ['chat.system="Be brief."', "chat.template.enable_thinking=false", 'chat.stop=["Q:"]']
    config = load_config(None, words)
    assert config.chat == ChatSection(
        system="Be brief.", template={"enable_thinking": False}, stop=("Q:",)
    )
    (tmp_path / "again.toml").write_text(dump_config(config))
    assert load_config(tmp_path / "again.toml") == config


def test_a_rows_own_system_message_stands() -> None:
    chat = ChatSection(system="Be brief.")
    plain = messages(chat, "2+2?")
    assert plain == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "2+2?"},
    ]
    own = messages(chat, "2+2?", (("system", "Be long."), ("user", "a"), ("assistant", "b")))
    assert [turn["content"] for turn in own] == ["Be long.", "a", "b", "2+2?"]


def test_the_template_sees_the_whole_chat_and_its_arguments(tmp_path: Path) -> None:
    model = Path(shutil.copytree(MODEL, tmp_path / "model"))
    (model / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.role[0] }} {{ m.content }} {% endfor %}{% if think %}7{% endif %}"
    )
    from transformers import AutoTokenizer

    chat = messages(ChatSection(system="1"), "3", (("user", "2"), ("assistant", "4")))
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    for think, wanted in ((True, "s 1 u 2 a 4 u 3 7"), (False, "s 1 u 2 a 4 u 3 ")):
        ids = Encoder(model, {"think": think})(chat)
        assert ids == tokenizer.encode(wanted, add_special_tokens=False)
