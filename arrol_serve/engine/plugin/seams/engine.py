"""Where the scheduler, the worker and the weights reach into vLLM's engine."""

from __future__ import annotations

from arrol_serve.engine.plugin.seams.seam import Seam

SCHEDULER_METHODS = {
    "add_request": ("self", "request"),
    "_free_request": ("self", "request", "delay_free_blocks"),
    "finish_requests": ("self", "request_ids", "finished_status"),
    "update_from_output": ("self", "scheduler_output", "model_runner_output"),
    "schedule": ("self", "throttle_prefills"),
    "shutdown": ("self",),
}
SCHEDULER = (
    Seam(
        "vllm.v1.core.sched.scheduler:Scheduler",
        has=("requests",),
        overrides=SCHEDULER_METHODS,
        calls={"__init__": ("self", "vllm_config=", "...")},
    ),
    Seam("vllm.v1.core.sched.async_scheduler:AsyncScheduler", leaves=tuple(SCHEDULER_METHODS)),
    Seam(
        "vllm.v1.request:Request",
        has=("request_id", "sampling_params", "status", "client_index", "num_output_tokens"),
    ),
    Seam(
        "vllm.v1.request:RequestStatus",
        has=("FINISHED_ABORTED", "FINISHED_STOPPED", "FINISHED_LENGTH_CAPPED"),
    ),
    Seam("vllm.v1.engine:FinishReason", has=("STOP", "LENGTH")),
    Seam(
        "vllm.v1.engine:EngineCoreOutput",
        has=(
            *("request_id", "new_token_ids", "finish_reason", "stop_reason"),
            "kv_transfer_params",
            "new_logprobs",
        ),
    ),
    Seam("vllm.v1.engine:EngineCoreOutputs", has=("outputs",)),
    Seam(
        "vllm.v1.outputs:LogprobsLists",
        calls={"slice_request": ("self", "req_idx", "num_positions")},
    ),
    Seam("vllm.config:SchedulerConfig", has=("async_scheduling", "max_num_seqs")),
)
WORKER_METHODS = {
    "load_model": ("self", "load_dummy_weights"),
    "determine_available_memory": ("self",),
    "execute_model": ("self", "scheduler_output"),
    "sample_tokens": ("self", "grammar_output"),
}
WORKER = (
    Seam(
        "vllm.v1.worker.gpu_worker:Worker",
        has=(
            *("model_runner", "device", "vllm_config", "scheduler_config", "model_config"),
            "use_v2_model_runner",
        ),
        overrides=WORKER_METHODS,
    ),
    Seam(
        "vllm.v1.core.sched.output:SchedulerOutput", has=("finished_req_ids", "scheduled_new_reqs")
    ),
    Seam(
        "vllm.v1.core.sched.output:NewRequestData",
        has=("req_id", "sampling_params", "prompt_token_ids"),
    ),
    Seam(
        "vllm.config:VllmConfig",
        has=(
            *("speculative_config", "additional_config", "scheduler_config", "parallel_config"),
            *("model_config", "cache_config", "weight_transfer_config"),
            "max_concurrent_batches",
            "num_speculative_tokens",
        ),
    ),
    Seam(
        "vllm.config:ParallelConfig",
        has=(
            *("data_parallel_size", "enable_batch_sharded_sampling"),
            *("prefill_context_parallel_size", "world_size_across_dp"),
        ),
    ),
    Seam(
        "vllm.config:ModelConfig",
        has=(
            *("dtype", "architecture", "hf_text_config", "runner_type", "get_hidden_size"),
            "get_vocab_size",
            *("max_model_len", "model", "logprobs_mode"),
        ),
    ),
    Seam("vllm.config:CacheConfig", has=("kv_cache_size_tokens", "num_gpu_blocks", "block_size")),
    Seam("vllm.config:WeightTransferConfig", has=("backend",)),
    Seam(
        "vllm.v1.outputs:AsyncModelRunnerOutput",
        abstract=frozenset({"get_output", "get_kv_connector_output"}),
    ),
    Seam("vllm.v1.outputs:ModelRunnerOutput", has=("sampled_token_ids",)),
    Seam("vllm.v1.outputs:SamplerOutput", has=("sampled_token_ids",)),
)
RUNNERS = (
    Seam(
        "vllm.v1.worker.gpu_model_runner:GPUModelRunner",
        has=(
            *("execute_model_state", "input_batch", "discard_request_mask", "sampler"),
            "rejection_sampler",
        ),
        calls={"_sample": ("self", "logits", "spec_decode_metadata")},
    ),
    Seam(
        "vllm.v1.worker.gpu_model_runner:ExecuteModelState",
        has=("sample_hidden_states", "spec_decode_metadata"),
    ),
    Seam("vllm.v1.spec_decode.metadata:SpecDecodeMetadata", has=("num_draft_tokens",)),
    Seam(
        "vllm.v1.sample.rejection_sampler:RejectionSampler",
        calls={"forward": ("self", "metadata", "draft_probs", "logits", "sampling_metadata")},
    ),
    Seam(
        "vllm.v1.worker.gpu.spec_decode.rejection_sampler:RejectionSampler",
        calls={"__call__": ("self", "logits", "input_batch", "draft_logits", "invalid_drafts")},
    ),
    Seam(
        "vllm.v1.worker.gpu.sample.output:SamplerOutput", has=("sampled_token_ids", "num_sampled")
    ),
    Seam("vllm.v1.worker.gpu_input_batch:InputBatch", has=("req_ids",)),
    Seam("vllm.v1.utils:CpuGpuBuffer", has=("np",)),
    Seam("vllm.v1.sample:rejection_sampler"),
    Seam(
        "vllm.v1.sample.rejection_sampler:apply_sampling_constraints",
        calls={"": ("logits", "cu_num_draft_tokens", "sampling_metadata")},
    ),
    Seam(
        "vllm.v1.sample.rejection_sampler:expand_batch_to_tokens",
        calls={"": ("x", "cu_num_tokens", "num_tokens", "replace_from=", "replace_to=")},
    ),
    Seam(
        "vllm.v1.sample.sampler:Sampler",
        calls={"forward": ("self", "logits=", "sampling_metadata=")},
    ),
    Seam(
        "vllm.v1.worker.gpu.model_runner:GPUModelRunner",
        has=("execute_model_state", "sampler", "rejection_sampler"),
        calls={"sample": ("self", "hidden_states", "input_batch", "grammar_output")},
    ),
    Seam("vllm.v1.worker.gpu.model_runner:ExecuteModelState", has=("input_batch", "hidden_states")),
    Seam(
        "vllm.v1.worker.gpu.input_batch:InputBatch",
        has=(
            *("num_reqs", "req_ids", "num_computed_tokens_np", "num_scheduled_tokens"),
            *("prefill_len_np", "logits_indices", "num_draft_tokens", "cu_num_logits_np"),
        ),
    ),
    Seam(
        "vllm.v1.worker.gpu.sample.sampler:Sampler",
        calls={"__call__": ("self", "logits", "input_batch")},
    ),
)
WEIGHTS = (
    Seam(
        "vllm.distributed.weight_transfer.base:WeightTransferEngine",
        has=("device", "model", "model_config"),
        overrides={
            "init_transfer_engine": ("self", "init_info"),
            "start_weight_update": ("self",),
            "update_weights": ("self", "update_info"),
            "receive_weights": ("self", "update_info"),
            "finish_weight_update": ("self",),
            "shutdown": ("self",),
        },
        calls={"parse_update_info": ("self", "update_dict")},
        abstract=frozenset(
            {
                *("init_transfer_engine", "start_weight_update", "update_weights"),
                *("receive_weights", "finish_weight_update", "shutdown"),
            }
        ),
    ),
    Seam("vllm.distributed.weight_transfer.base:WeightTransferInitInfo"),
    Seam("vllm.distributed.weight_transfer.base:WeightTransferUpdateInfo"),
    Seam(
        "vllm.distributed.weight_transfer.base:WeightSource",
        has=("metadata",),
        abstract=frozenset({"metadata", "__iter__", "iter_full"}),
    ),
    Seam("vllm.distributed.weight_transfer.base:ParamMeta", calls={"": ("name", "dtype", "shape")}),
    Seam(
        "vllm.distributed.weight_transfer.factory:WeightTransferEngineFactory",
        has=("_registry",),
        calls={"register_engine": ("name", "cls")},
    ),
    Seam(
        "vllm.distributed.weight_transfer.factory:WeightTransferTrainerFactory",
        calls={"trainer_init": ("init_info", "client=", "source=")},
    ),
    Seam(
        "vllm.distributed.weight_transfer.ipc_engine:IPCTrainerInitInfo",
        calls={"": ("packed=", "rank=")},
    ),
    Seam(
        "vllm.distributed.weight_transfer.nccl_engine:NCCLTrainerInitInfo",
        calls={"": ("master_address=", "master_port=", "world_size=", "rank=")},
    ),
    Seam(
        "vllm.model_executor.model_loader.reload:initialize_layerwise_reload",
        calls={"": ("model",)},
    ),
    Seam(
        "vllm.model_executor.model_loader.reload:finalize_layerwise_reload",
        calls={"": ("model", "model_config")},
    ),
    Seam("vllm.model_executor.layers.vocab_parallel_embedding:ParallelLMHead"),
)
CPU_WORKER = Seam("vllm.v1.worker.cpu_worker:CPUWorker", overrides=WORKER_METHODS)
"""Looked at by the worker alone, on CPUs: importing it changes PyTorch for the whole process."""
