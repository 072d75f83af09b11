"""A folder for the caches of vLLM, torch and the rest, where the user has no home to write to.

They all keep theirs below HOME. A container whose user id was made up (OpenShift), or whose root file
system is read-only, has none: then HOME becomes a private folder below the one for temporary files.
"""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from arrol_serve.errors import InvalidRequest

KEPT_BELOW = (".", ".cache", ".config")


def settle(environ: MutableMapping[str, str] = os.environ) -> None:
    """Make HOME writable, and the user nameable, before anything looks. Raises ``InvalidRequest``."""
    account = _account()
    if account is None and not {"LOGNAME", "USER"} & environ.keys():
        environ["USER"] = f"uid-{os.getuid()}"  # torch names a folder after the user
    home = Path(environ.get("HOME") or (account.pw_dir if account else "/"))
    if _usable(home):
        return
    environ["HOME"] = str(_private_folder())
    sys.stderr.write(f"{home} is not writable: caches go to {environ['HOME']}\n")


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _usable(home: Path) -> bool:
    """Whether caches can be made there; what does not exist yet can be made in its parent."""
    there = [home / part for part in KEPT_BELOW if (home / part).exists()]
    return bool(there) and home.is_dir() and all(os.access(p, os.W_OK | os.X_OK) for p in there)


def _private_folder() -> Path:
    """The same folder at every start of this user, unless another user has taken the name."""
    try:
        folder = Path(tempfile.gettempdir()) / f"arrol-serve-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if status.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink():
            return folder
    except FileExistsError:
        pass
    except FileNotFoundError as error:
        raise InvalidRequest(
            "No folder for caches: neither the home nor a folder for temporary files is writable. "
            "Mount a writable one at /tmp, or set HOME to one."
        ) from error
    return Path(tempfile.mkdtemp(prefix="arrol-serve-"))
