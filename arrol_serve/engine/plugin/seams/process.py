"""What every process with an engine, or a client of one, uses of vLLM: requests, replies, the machine."""

from __future__ import annotations

from arrol_serve.engine.plugin.seams.seam import Seam

PROCESS = (
    Seam(
        "vllm:envs",
        has=(
            *("VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_LOGGING_LEVEL"),
            *("VLLM_ALLOW_INSECURE_SERIALIZATION", "VLLM_ENABLE_V1_MULTIPROCESSING"),
            *("VLLM_API_KEY", "VLLM_PLUGINS", "VLLM_HTTP_TIMEOUT_KEEP_ALIVE"),
            "VLLM_KEEP_ALIVE_ON_ENGINE_DEATH",
        ),
    ),
    Seam("vllm.utils.cpu_resource_utils:get_visible_memory_node", calls={"": ()}),
    Seam("vllm.utils.cpu_resource_utils:get_memory_node_info", calls={"": ("node_id",)}),
    Seam("vllm.utils.cpu_resource_utils:MemoryNodeInfo", has=("total_memory", "available_memory")),
    Seam("vllm.utils.cpu_resource_utils:get_allowed_cpu_list", calls={"": ()}),
    Seam("vllm.utils.cpu_resource_utils:LogicalCPUInfo", has=("id", "numa_node")),
    Seam(
        "vllm.utils.ompmultiprocessing:OMPProcessManager",
        has=("skip_setup", "auto_setup", "cpu_lists"),
        calls={"__init__": ("self", "config"), "_parse_omp_threads_bind_env": ("self",)},
    ),
    Seam(
        "vllm.v1.executor.uniproc_executor:UniProcExecutor",
        has=("vllm_config",),
        overrides={"_init_executor": ("self",)},
    ),
    Seam("vllm.platforms:current_platform", has=("is_cpu", "is_cuda")),
    Seam(
        "vllm.outputs:RequestOutput",
        has=(
            *("request_id", "prompt", "prompt_token_ids", "prompt_logprobs", "outputs", "finished"),
            *("metrics", "num_cached_tokens", "kv_transfer_params"),
        ),
    ),
    Seam(
        "vllm.outputs:CompletionOutput",
        has=(
            *("text", "token_ids", "logprobs", "finish_reason", "stop_reason"),
            "weight_versions",
        ),
        calls={
            "": (
                *("index=", "text=", "token_ids=", "cumulative_logprob=", "logprobs="),
                *("finish_reason=", "stop_reason="),
            )
        },
    ),
    Seam("vllm.outputs:WeightVersionSpan", has=("version",)),
    Seam("vllm.logprobs:FlatLogprobs", has=("logprobs",)),
    Seam(
        "vllm.sampling_params:SamplingParams",
        has=(
            *("n", "seed", "stop", "extra_args", "output_kind", "clone", "stop_token_ids"),
            *("eos_token_id", "max_tokens", "repetition_detection"),
        ),
        calls={
            "": (
                *("temperature=", "top_p=", "top_k=", "max_tokens=", "seed=", "stop=", "logprobs="),
                *("flat_logprobs=", "ignore_eos=", "detokenize=", "extra_args="),
            )
        },
    ),
    Seam("vllm.sampling_params:RequestOutputKind", has=("FINAL_ONLY", "DELTA")),
    Seam("vllm.engine.arg_utils:AsyncEngineArgs"),
    Seam("vllm.engine.arg_utils:EngineArgs"),
    Seam(
        "vllm.v1.engine.async_llm:AsyncLLM",
        has=("vllm_config", "model_config", "output_processor", "renderer", "errored"),
        calls={
            "from_engine_args": ("engine_args",),
            "generate": ("self", "prompt", "sampling_params", "request_id", "data_parallel_rank="),
            "abort": ("self", "request_id"),
            "collective_rpc": ("self", "method", "args="),
            "check_admission": ("self", "n"),
            "get_supported_tasks": ("self",),
            "get_weight_version": ("self",),
            "is_paused": ("self",),
            "shutdown": ("self",),
        },
    ),
    Seam("vllm.renderers.base:BaseRenderer", has=("tokenizer", "mm_processor_cache")),
    Seam(
        "vllm.v1.engine.output_processor:OutputProcessor",
        has=("request_states",),
        calls={
            "process_outputs": ("self", "engine_core_outputs", "..."),
            "add_request": ("self", "request", "..."),
        },
    ),
    Seam(
        "vllm.multimodal.cache:LruKeyReplicatedSenderCache",
        has=("_cache",),
        calls={
            "is_cached": ("self", "mm_hashes"),
            "is_cached_item": ("self", "mm_hash"),
            "touch_sender_cache_item": ("self", "mm_hash"),
        },
    ),
    Seam(
        "vllm.utils.cache:LRUCache",
        calls={"pop": ("self", "key"), "put_if_fits": ("self", "key", "value")},
    ),
    Seam("vllm.v1.engine.output_processor:RequestState", has=("external_req_id",)),
)
OFFLINE = Seam(
    "vllm:LLM",
    has=("llm_engine",),
    calls={
        "generate": ("self", "prompts", "sampling_params", "use_tqdm="),
        "chat": ("self", "messages", "sampling_params", "use_tqdm=", "chat_template_kwargs="),
        "collective_rpc": ("self", "method", "args="),
        "sleep": ("self", "level="),
        "wake_up": ("self", "tags"),
        "reset_prefix_cache": ("self",),
        "update_weight_version": ("self", "new_version"),
        "init_weight_transfer_engine": ("self", "request"),
        "start_weight_update": ("self",),
        "update_weights": ("self", "request"),
        "finish_weight_update": ("self", "weight_version"),
    },
)
"""Looked at by a trainer that makes such an engine: the others need not import it."""
