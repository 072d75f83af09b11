#!/bin/sh
# Installs arrol-serve with one of vLLM's engines into a new virtual environment: install.sh ENGINE VENV
# Run in the folder of the source. The Dockerfile's build stage runs just this.
set -eu
engine=$1 venv=$2
case "$engine" in cpu | cuda) ;; *) echo "install.sh: ENGINE is cpu or cuda, not $engine" >&2; exit 2 ;; esac
python3 -m venv "$venv"
"$venv/bin/pip" install --no-cache-dir --disable-pip-version-check ".[$engine]"
if [ "$engine" = cpu ]; then
  # vLLM pulls these in from PyPI, built for another torch; nothing here uses them.
  "$venv/bin/pip" uninstall --yes --disable-pip-version-check torchvision torchaudio torchcodec
fi
"$venv/bin/arrol-serve" --version
