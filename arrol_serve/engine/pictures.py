"""What a prompt shows is handed to the engine once, by the first candidate of a search.

vLLM's front process mirrors a cache of processed pictures in the engine's, and sends none that it believes to
be there. It asks once for each prompt: all candidates would bring a new picture, megabytes each. And it takes
a picture for sent when it has processed it, which is too early where requests wait for their turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm.multimodal.cache import LruKeyReplicatedSenderCache

from arrol_serve.errors import EngineUnavailable


class Shown:
    """A prompt and its pictures, from their processing to their last use in the engine.

    The mirror learns of them when they are sent, as the engine does. A request that is refused before has
    sent none: the next one must bring them. While both are full, requests that wait can still make them push
    out different ones, since a picture takes a place in the mirror while it is processed: who misses one then
    is sent again, or told to come again.
    """

    def __init__(self, prompt: Any, client: Any) -> None:
        """Takes out of the mirror what the prompt brings."""
        self._prompt, self._mirror = prompt, _mirror(prompt, client)
        self._notes: dict[str, Any] = {}
        """The mirror's, by hash, in the prompt's order; None: the engine is to have that picture already."""
        if self._mirror is None:
            return
        for kind, hashes in prompt["mm_hashes"].items():
            for one, item in zip(hashes, prompt["mm_kwargs"][kind], strict=True):
                if item is None:
                    self._notes.setdefault(one, None)
                elif (note := self._mirror._cache.pop(one)) is not None:  # or it was too large
                    self._notes[one] = note

    def first(self) -> Any:
        """For the request, or the first candidate of its search.

        Raises ``EngineUnavailable`` if the engine has meanwhile dropped what the prompt does not bring.
        """
        known = [one for one, note in self._notes.items() if note is None]
        if known and not all(self._mirror.is_cached(known)):
            raise EngineUnavailable(
                "A picture of the prompt left the engine's cache while the request waited: send the "
                "request again."
            )
        return self.whole()

    def again(self) -> Any:
        """For one more candidate: without what the first has brought, where the engine has it still."""
        if self._mirror is None:
            return self._prompt
        hashes = [one for several in self._prompt["mm_hashes"].values() for one in several]
        if not all(self._mirror.is_cached(hashes)):  # too large for the cache, or pushed out of it
            return self.whole()
        for one in hashes:
            self._mirror.touch_sender_cache_item(one)
        shown = self._prompt["mm_kwargs"]
        none = {kind: [None] * len(items) for kind, items in shown.items()}
        return {**self._prompt, "mm_kwargs": type(shown)(none)}

    def whole(self) -> Any:
        """The prompt as it is, about to be sent."""
        for one, note in self._notes.items():
            if note is None:
                self._mirror.touch_sender_cache_item(one)
            else:
                self._mirror._cache.put_if_fits(one, note)
        return self._prompt


def _mirror(prompt: Any, client: Any) -> Any:
    """None: the prompt shows nothing, or vLLM keeps no mirror."""
    if not isinstance(prompt, Mapping) or prompt.get("type") != "multimodal":
        return None
    cache = client.renderer.mm_processor_cache
    return cache if isinstance(cache, LruKeyReplicatedSenderCache) else None
