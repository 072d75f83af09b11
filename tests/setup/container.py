"""Runs an image as a container would, with util-linux alone: no runtime has to be installed.

Own mount and process namespaces, the image's root file system (read-only if wanted), its environment and
entry point, a user without capabilities; the network is the machine's, so that tests reach the server.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOUNTS = """
set -e
root=$1; read_only=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount --bind -o ro /sys "$root/sys"
for folder in $WRITABLE; do
  mkdir -p "$root$folder"
  mount -t tmpfs -o mode=2775,gid=0 writable "$root$folder"
done
[ "$read_only" = no ] || mount -o remount,bind,ro "$root"
exec "$@"
"""


@dataclass(frozen=True)
class Image:
    """A mounted image and what its configuration says."""

    root: Path
    config: dict[str, Any]

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]

    def environment(self, home: str | None) -> list[str]:
        """As the image sets it; an orchestrator that knows no home of a user says /."""
        return [*self.config["Env"], *([f"HOME={home}"] if home else [])]

    def bytes(self) -> int:
        told = subprocess.run(["du", "-sxb", self.root], capture_output=True, text=True, check=True)
        return int(told.stdout.split()[0])


@contextlib.contextmanager
def mounted(tag: str) -> Iterator[Image]:
    """A container of the image, in buildah's store, that is removed afterwards."""
    container = buildah("from", tag)
    try:
        root = Path(buildah("mount", container))
        found = json.loads(buildah("inspect", "--type", "image", tag))
        yield Image(root, found["OCIv1"]["config"])
    finally:
        buildah("rm", container)


def buildah(*arguments: str) -> str:
    told = subprocess.run(["buildah", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.strip()


@contextlib.contextmanager
def running(
    image: Image,
    log: Path,
    arguments: Sequence[str] = (),
    *,
    user: str = "",
    home: str | None = None,
    read_only: bool = False,
    writable: Sequence[str] = (),
) -> Iterator[Container]:
    """The image's command as ``user`` (UID:GID; the image's own by default)."""
    workdir = image.config["WorkingDir"]
    command = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", MOUNTS, "sh"),
        *(str(image.root), "yes" if read_only else "no"),
        *("chroot", f"--userspec={user or image.config['User']}", "--groups=", str(image.root)),
        *("/usr/bin/env", "-i", "-C", workdir, *image.environment(home), *image.command(arguments)),
    ]
    environment = {"PATH": os.environ["PATH"], "WRITABLE": " ".join(writable)}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment) as run,
    ):
        container = Container(run, log)
        try:
            yield container
        finally:  # its change of user has undone --kill-child
            with contextlib.suppress(OSError, ValueError):
                os.kill(container.first(), signal.SIGKILL)
            run.kill()


@dataclass(frozen=True)
class Container:
    process: subprocess.Popen[bytes]
    log: Path

    def first(self) -> int:
        """The process that is number 1 inside, by its number here."""
        (child,) = (
            Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        )
        return int(child)

    def inside(self, path: str) -> Path:
        """What it sees at ``/path``."""
        return Path(f"/proc/{self.first()}/root") / path

    def terminate(self) -> int:
        """SIGTERM to it; the exit status."""
        os.kill(self.first(), signal.SIGTERM)
        return self.process.wait(90)
