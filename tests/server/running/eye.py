"""What a test adds to vLLM's worker: it counts the pictures that the image encoder looks at."""

from __future__ import annotations

from typing import Any


class Eye:
    """For ``--worker-extension-cls``; asked through ``/collective_rpc``."""

    model_runner: Any
    looks: int

    def open_eye(self) -> None:
        model, self.looks = self.model_runner.model, 0
        original = model.embed_multimodal

        def counted(**inputs: Any) -> Any:
            self.looks += len(inputs["pixel_values"])
            return original(**inputs)

        model.embed_multimodal = counted

    def looked(self) -> int:
        """Since it was asked last."""
        count, self.looks = self.looks, 0
        return count
