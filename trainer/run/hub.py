"""An export to a hub, when its maker asks for it."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import ConfigError, one_line

LOG_IN = (
    "Log in with hf auth login or set HF_TOKEN; HF_ENDPOINT and HF_HUB_OFFLINE say where the hub is"
)


def check(name: str) -> None:
    """Before anything is made: whether ``name`` can be a repository's, and whether the hub knows who asks.

    Raises ``ConfigError``.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ConfigError(f"--push {name}: {one_line(error)}", param="--push") from error
    api = HfApi()
    try:
        api.whoami()
    except Exception as error:  # of its HTTP client, of sockets, of itself
        raise ConfigError(
            f"--push {name}: {api.endpoint} does not say who you are ({one_line(error)}). {LOG_IN}. Nothing "
            "was exported.",
            param="--push",
        ) from error


def push(folder: Path, name: str) -> str:
    """Upload ``folder`` to the repository ``name``, made private where there is none; its address.

    Raises ``ConfigError`` where the hub cannot be reached or refuses: the export stays whole.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        made = api.create_repo(name, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id, folder_path=folder, commit_message="arrol-train export"
        )
    except Exception as error:  # of its HTTP client, of its storage's, of itself
        raise ConfigError(
            f"--push {name}: {api.endpoint} did not take it ({one_line(error)}). The export in {folder} is "
            f"whole, and hf upload {name} {folder} sends it later. {LOG_IN}.",
            param="--push",
        ) from error
    return str(made)
