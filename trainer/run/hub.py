"""An export to a hub, when its maker asks for it."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import ConfigError, one_line


def check_name(name: str) -> None:
    """Raise ``ConfigError`` for what no repository is called."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ConfigError(f"--push {name}: {one_line(error)}", param="--push") from error


def push(folder: Path, name: str) -> str:
    """Upload ``folder`` to the repository ``name``, made private where there is none; its address.

    Raises ``ConfigError`` where the hub cannot be reached or refuses: the export stays whole.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of its HTTP client

    api = HfApi()
    try:
        made = api.create_repo(name, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id, folder_path=folder, commit_message="arrol-train export"
        )
    except (HTTPError, OSError, ValueError) as error:
        raise ConfigError(
            f"--push {name}: {api.endpoint} did not take it ({one_line(error)}). The export in {folder} is "
            f"whole. Log in with hf auth login or set HF_TOKEN, see that the hub is reached (HF_ENDPOINT, "
            f"HF_HUB_OFFLINE), then: hf upload {name} {folder}",
            param="--push",
        ) from error
    return str(made)
