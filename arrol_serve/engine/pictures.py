"""What a prompt shows is handed to the engine once, by the first candidate of a search.

vLLM's front process mirrors a cache of processed pictures in the engine's, and sends none that it believes to
be there. It asks once for each prompt: all candidates would bring a new picture, megabytes each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm.multimodal.cache import LruKeyReplicatedSenderCache


def for_sibling(prompt: Any, client: Any) -> Any:
    """For one more candidate: without what the first has brought; where that is not kept, as it is.

    Each use makes a picture the latest in the engine's cache, and so it does in the mirror: else the two
    would push out different ones, and whoever asks next would miss his.
    """
    if not isinstance(prompt, Mapping) or prompt.get("type") != "multimodal":
        return prompt
    mirror = client.renderer.mm_processor_cache
    if not isinstance(mirror, LruKeyReplicatedSenderCache):
        return prompt
    hashes = [one for several in prompt["mm_hashes"].values() for one in several]
    if not all(mirror.is_cached(hashes)):  # too large for the cache, or pushed out of it
        return prompt
    for one in hashes:
        mirror.touch_sender_cache_item(one)
    shown = prompt["mm_kwargs"]
    none = {kind: [None] * len(items) for kind, items in shown.items()}
    return {**prompt, "mm_kwargs": type(shown)(none)}
