"""Where PyTorch comes from, and what a machine is told that lacks something; by the real pip."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.setup.machine import closed_port, emptied, small_wheel
from tools import install

LOCK = (ROOT / "requirements" / "cpu.txt").read_text()
TORCH = "torch==" + install.locked_torch(LOCK, "x86_64")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("machine") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def pip(venv: Path) -> Iterator[list[str]]:
    command = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    yield [*command, "install"]
    subprocess.run([*command, "uninstall", "--quiet", "--yes", "torch"], check=True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Emptied of configuration, and its package index does not answer."""
    wanted = emptied(PIP_INDEX_URL=closed_port())
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def version(pip: list[str]) -> str:
    return "torch==" + install.installed_torch(Path(pip[0]))


def wheels(folder: Path) -> str:
    small_wheel(folder, *TORCH.split("=="))
    return str(folder)


def test_a_wheel_that_pip_knows_is_taken_and_nothing_else_asked(
    pip: list[str], machine: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    machine.setenv("PIP_FIND_LINKS", wheels(tmp_path))
    machine.setattr(install, "CPU_INDEX", closed_port())
    install.install_torch(pip, TORCH)
    assert version(pip) == TORCH
    assert f"install: {TORCH} from where pip finds it already" in capfd.readouterr().out


def test_without_one_the_cpu_index_is_asked_for_torch(
    pip: list[str], machine: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small_wheel(tmp_path / "pypi" / "torch", "torch", TORCH.split("==")[1].split("+")[0])
    wheels(tmp_path / "cpu" / "torch")
    for place in ("pypi", "cpu"):
        (wheel,) = (tmp_path / place / "torch").iterdir()
        link = f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>'
        (wheel.parent / "index.html").write_text(link)
    machine.setenv("PIP_INDEX_URL", (tmp_path / "pypi").as_uri())
    machine.setattr(install, "CPU_INDEX", (tmp_path / "cpu").as_uri())
    install.install_torch(pip, TORCH)
    assert version(pip) == TORCH
    assert "from PyTorch's CPU index" in capfd.readouterr().out


def test_a_folder_of_wheels_overrides(
    pip: list[str], machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.setenv("TORCH_INDEX", wheels(tmp_path))
    install.install_torch(pip, TORCH)
    assert version(pip) == TORCH


def test_an_index_that_does_not_answer_is_one_line_at_once(
    pip: list[str], machine: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    with pytest.raises(install.CannotInstall, match="pip cannot reach its package index"):
        install.install_torch(pip, TORCH)
    machine.setenv("TORCH_INDEX", closed_port())
    with pytest.raises(
        install.CannotInstall, match=r"cannot be reached.*TORCH_INDEX=/folder"
    ) as found:
        install.install_torch(pip, TORCH)
    assert "\n" not in str(found.value)
    assert time.monotonic() - began < 30


def test_an_index_without_the_wheel_says_so(
    pip: list[str], machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.setenv("TORCH_INDEX", str(tmp_path))
    with pytest.raises(install.CannotInstall, match="has none for this Python"):
        install.install_torch(pip, TORCH)


def test_a_machine_that_lacks_things_is_told_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("CXX", "no-such-compiler")
    told = install.machine_lacks("cpu", tools=True)
    assert any("Python 3.11 to 3.13" in words for words in told)
    assert install.NO_COMPILER in told
    assert install.NO_COMPILER not in install.machine_lacks("cpu", tools=False)


def test_no_library_is_missing_here() -> None:
    assert install.loads("libc.so.6")
    assert not install.loads("libnowhere.so.1")


def test_make_says_that_there_is_no_python() -> None:
    told = subprocess.run(
        ["make", "-B", "setup", "PYTHON="], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "there is no Python 3.11 to 3.13" in told.stdout
