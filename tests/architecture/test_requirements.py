"""The locked versions are what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ROOT / "requirements"


def lines(name: str) -> list[Requirement]:
    found = (LOCKS / name).read_text().splitlines()
    return [Requirement(line) for line in found if not line.startswith("#")]


def locked(name: str) -> dict[str, str]:
    """Package -> version, of those for this machine."""
    here = [r for r in lines(name) if r.marker is None or r.marker.evaluate()]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in here}


def asked(*extras: str) -> Iterator[Requirement]:
    yield from map(Requirement, PROJECT["dependencies"])
    for extra in extras:
        for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
            if requirement.name == PROJECT["name"]:
                yield from asked(*requirement.extras)
            else:
                yield requirement


def wrong(name: str, *extras: str) -> list[str]:
    have = locked(name)
    return [
        f"{name}: {r} against {have.get(canonicalize_name(r.name))}"
        for r in asked(*extras)
        if not r.specifier.contains(have.get(canonicalize_name(r.name), "0"), prereleases=True)
    ]


def test_the_locks_have_what_the_project_asks_for() -> None:
    assert wrong("cpu.txt", "cpu") == [], "run make lock"
    assert wrong("dev.txt", "cpu", "train", "dev") == [], "run make lock"


def test_serving_and_developing_agree() -> None:
    assert locked("cpu.txt").items() <= locked("dev.txt").items()


def test_what_is_left_out_is_in_no_lock() -> None:
    names = {canonicalize_name(r.name) for r in lines("left-out.txt")}
    assert names
    assert not names & (locked("cpu.txt").keys() | locked("dev.txt").keys())


def test_every_version_is_exact() -> None:
    for name in ("cpu.txt", "dev.txt"):
        assert all(re.fullmatch(r"==[^*,]+", str(r.specifier)) for r in lines(name))
