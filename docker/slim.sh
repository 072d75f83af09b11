#!/bin/sh
# Removes from a virtual environment what serving never opens: slim.sh VENV
# The packages' own tests, torch's test programs, debugging symbols where they are large, pip. torch's headers
# stay: kernels are compiled with them.
set -eu
packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$packages/torch/test"
find "$packages/torch/bin" -type f ! -name torch_shm_manager -delete
find "$packages" -type d -name tests -prune -exec rm -rf {} +
strip --strip-unneeded "$packages"/vllm/*.so "$packages/torch/lib/libtorch_cpu.so"
"$1/bin/python" -m pip uninstall --quiet --yes pip
