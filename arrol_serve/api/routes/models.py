"""GET /v1/models: the served models and their aliases."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from vllm.entrypoints.serve.engine.protocol import ModelCard, ModelList

from arrol_serve.api.error_response import error_body
from arrol_serve.api.routes.searching import ERROR_RESPONSES
from arrol_serve.api.selection import ArrolState

router = APIRouter()


@router.get("/v1/models", responses={200: {"model": ModelList}, 401: ERROR_RESPONSES[401]})
async def show_available_models(raw_request: Request) -> JSONResponse:
    """An alias names the model it stands for in ``root`` and ``parent``."""
    return JSONResponse({"object": "list", "data": await _cards(raw_request)})


@router.get(
    "/v1/models/{name:path}",
    responses={200: {"model": ModelCard}, 401: ERROR_RESPONSES[401], 404: ERROR_RESPONSES[404]},
)
async def retrieve_model(name: str, raw_request: Request) -> JSONResponse:
    """One entry of the list."""
    found = next((card for card in await _cards(raw_request) if card["id"] == name), None)
    if found is None:
        message = f"The model `{name}` does not exist. GET /v1/models lists those that do."
        return JSONResponse(error_body(404, message, "model", "model_not_found"), status_code=404)
    return JSONResponse(found)


async def _cards(raw_request: Request) -> list[dict[str, Any]]:
    state = raw_request.app.state
    arrol: ArrolState = state.arrol
    listed = (await state.openai_serving_models.show_available_models()).model_dump()
    cards: list[dict[str, Any]] = listed["data"]
    longest = {card["id"]: card["max_model_len"] for card in cards}
    for alias, (model, options) in arrol.aliases.items():
        if model not in longest:  # an adapter that was unloaded
            continue
        card = ModelCard(id=alias, root=model, parent=model, max_model_len=longest[model])
        cards.append({**card.model_dump(), "owned_by": "arrol-serve", "arrol": dict(options)})
    return cards
