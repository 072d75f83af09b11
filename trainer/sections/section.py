"""What every table of a recipe has in common."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)


class Section(BaseModel):
    """A table of the recipe."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _one_is_a_list_of_one(
        cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """``prune.probes=16`` is ``[16]``."""
        field = cls.model_fields[str(info.field_name)]
        alone = get_origin(field.annotation) is tuple and isinstance(value, str | int | float)
        return check([value] if alone else value)
