"""What the server's process uses of vLLM beside its engine: command line, routes, serving classes."""

from __future__ import annotations

from arrol_serve.engine.plugin.seams.seam import Seam
from arrol_serve.engine.plugin.versions import CLI, STARTUP

ENTRYPOINTS = "vllm.entrypoints"
SERVING = ("engine_client", "model_config", "default_sampling_params")
ROUTE = {"": ("request", "raw_request")}
CREATE = ("self", "request", "raw_request")
ASKED = ("model", "stream", "temperature", "top_k", "vllm_xargs", "tools")
TRANSFER = ("kv_transfer_params", "ec_transfer_params")
OURS = ("request_id", "seed", *TRANSFER)
START = (
    Seam(CLI, has=("make_arg_parser", "validate_parsed_serve_args")),
    Seam(STARTUP, has=("cli_env_setup",)),
    Seam("vllm.utils.argparse_utils:FlexibleArgumentParser"),
    Seam("vllm.logger:configure_logging_from_args", calls={"": ("args",)}),
    Seam(f"{ENTRYPOINTS}.launchers.api_server.entry:run_server", calls={"": ("args", "http=")}),
    Seam(
        "vllm.plugins.endpoint_plugins.interface:EndpointPlugin",
        has=("name", "required_tasks"),
        overrides={
            "attach_router": ("self", "app"),
            "init_state": ("self", "engine_client", "state", "args"),
        },
    ),
)
APP = (
    Seam(
        f"{ENTRYPOINTS}.launchers.api_server.app_state:init_app_state",
        has=("openai_serving_models", "engine_client"),
    ),
    Seam(
        f"{ENTRYPOINTS}.generate.api_router:init_generate_state",
        has=(
            *("openai_serving_chat", "openai_serving_completion", "openai_serving_responses"),
            "anthropic_serving_messages",
        ),
    ),
    Seam(f"{ENTRYPOINTS}.launchers.launcher:serve_http", has=("server",)),
    Seam(
        f"{ENTRYPOINTS}.rl.online.api_router:router",
        routes=(
            *("/pause", "/resume", "/init_weight_transfer_engine", "/start_weight_update"),
            *("/update_weights", "/finish_weight_update", "/update_weight_version"),
        ),
    ),
)
ROUTES = (
    Seam(f"{ENTRYPOINTS}.openai.chat_completion.api_router:create_chat_completion", calls=ROUTE),
    Seam(f"{ENTRYPOINTS}.openai.completion.api_router:create_completion", calls=ROUTE),
    Seam(f"{ENTRYPOINTS}.openai.responses.api_router:create_responses", calls=ROUTE),
    Seam(f"{ENTRYPOINTS}.anthropic.api_router:create_messages", calls=ROUTE),
    Seam(
        f"{ENTRYPOINTS}.serve.utils.api_utils:validate_json_request", calls={"": ("raw_request",)}
    ),
    Seam(f"{ENTRYPOINTS}.serve.utils.api_utils:with_cancellation", calls={"": ("handler",)}),
    Seam(f"{ENTRYPOINTS}.serve.utils.api_utils:load_aware_call", calls={"": ("handler",)}),
    Seam(
        f"{ENTRYPOINTS}.serve.exception_handling.error_response:create_error_response",
        calls={"": ("error",)},
    ),
)
CLASSES = (
    Seam(
        f"{ENTRYPOINTS}.openai.chat_completion.serving:OpenAIServingChat",
        has=(*SERVING, "request_metadata"),
        calls={"create_chat_completion": CREATE, "_create_chat_completion": CREATE},
    ),
    Seam(
        f"{ENTRYPOINTS}.openai.completion.serving:OpenAIServingCompletion",
        has=(*SERVING, "request_metadata"),
        calls={"create_completion": CREATE, "_create_completion": CREATE},
    ),
    Seam(
        f"{ENTRYPOINTS}.openai.responses.serving:OpenAIServingResponses",
        has=(*SERVING, "enable_store"),
        calls={"create_responses": CREATE},
    ),
    Seam(
        f"{ENTRYPOINTS}.anthropic.serving:AnthropicServingMessages",
        has=SERVING,
        calls={"create_messages": CREATE},
    ),
    Seam(
        f"{ENTRYPOINTS}.openai.models.serving:OpenAIServingModels",
        has=("engine_client",),
        calls={"show_available_models": ("self",)},
    ),
)
REQUESTS = (
    Seam(
        f"{ENTRYPOINTS}.openai.chat_completion.protocol:ChatCompletionRequest",
        has=(
            *(*ASKED, *OURS, "field_names", "n", "use_beam_search", "prompt_logprobs", "echo"),
            *("max_tokens", "max_completion_tokens"),
        ),
    ),
    Seam(
        f"{ENTRYPOINTS}.openai.completion.protocol:CompletionRequest",
        has=(
            *(*ASKED[:-1], *OURS, "field_names", "n", "use_beam_search", "prompt_logprobs", "echo"),
            *("max_tokens", "prompt", "suffix", "prompt_embeds"),
        ),
    ),
    Seam(
        f"{ENTRYPOINTS}.openai.responses.protocol:ResponsesRequest",
        has=(*ASKED, *OURS, "field_names", "max_output_tokens", "max_tool_calls", "background"),
    ),
    Seam(
        f"{ENTRYPOINTS}.anthropic.protocol:AnthropicMessagesRequest",
        has=(*ASKED, *TRANSFER, "max_tokens"),
    ),
)
REPLIES = (
    Seam(
        f"{ENTRYPOINTS}.openai.chat_completion.protocol:ChatCompletionResponse",
        has=("model", "usage", "choices"),
    ),
    Seam(
        f"{ENTRYPOINTS}.openai.completion.protocol:CompletionResponse",
        has=("model", "usage", "choices"),
    ),
    Seam(f"{ENTRYPOINTS}.openai.responses.protocol:ResponsesResponse", has=("model", "usage")),
    Seam(
        f"{ENTRYPOINTS}.openai.responses.protocol:ResponseUsage",
        has=("input_tokens", "output_tokens", "total_tokens"),
    ),
    Seam(f"{ENTRYPOINTS}.anthropic.protocol:AnthropicMessagesResponse", has=("model", "usage")),
    Seam(f"{ENTRYPOINTS}.anthropic.protocol:AnthropicUsage", has=("output_tokens",)),
    Seam(f"{ENTRYPOINTS}.serve.engine.protocol:ErrorResponse", has=("error",)),
    Seam(f"{ENTRYPOINTS}.serve.engine.protocol:ErrorInfo", has=("message", "param", "code")),
    Seam(
        f"{ENTRYPOINTS}.serve.engine.protocol:ModelCard",
        has=("id", "root", "parent", "max_model_len", "owned_by"),
    ),
    Seam(f"{ENTRYPOINTS}.serve.engine.protocol:ModelList", has=("data",)),
    Seam("vllm.exceptions:GenerationError", has=("status_code",), calls={"": ("message",)}),
    Seam("vllm.v1.engine.exceptions:EngineDeadError"),
)
HTTP = (*START, *APP, *ROUTES, *CLASSES, *REQUESTS, *REPLIES)
"""Of the server's process alone."""
OPTIONS = (
    *("additional_config", "api_key", "api_server_count", "compilation_config", "dtype"),
    *("distributed_executor_backend", "enable_batch_sharded_sampling", "enable_chunked_prefill"),
    *("enforce_eager", "gpu_memory_utilization", "grpc", "headless", "host"),
    *("kv_cache_memory_bytes", "lora_modules", "model", "model_tag", "optimization_level", "port"),
    *("pipeline_parallel_size", "prefill_context_parallel_size", "runner", "scheduler_cls"),
    *("served_model_name", "shutdown_timeout", "speculative_config", "tensor_parallel_size"),
    *("use_tqdm_on_load", "weight_transfer_config", "worker_cls"),
)
"""Options of ``vllm serve`` that we read or set, as its parser calls them."""
