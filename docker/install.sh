#!/bin/sh
# Installs arrol-serve with one of vLLM's engines into a new virtual environment: install.sh ENGINE VENV
# Run in the folder of the source. The Dockerfile's build stage runs just this.
set -eu
engine=$1 venv=$2
case "$engine" in cpu | cuda) ;; *) echo "install.sh: ENGINE is cpu or cuda, not $engine" >&2; exit 2 ;; esac
python3 tools/install.py "$venv" --engine "$engine"
"$venv/bin/arrol-serve" --version
