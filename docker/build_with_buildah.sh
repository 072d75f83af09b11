#!/bin/sh
# Builds the CPU image as root on Debian, without Docker and without a registry of images:
#   apt-get install buildah debootstrap
#   docker/build_with_buildah.sh TAG [FOLDER with torch's wheel]
# debootstrap makes what stands in for the Dockerfile's base image; it trusts the certificates of this machine.
set -eu
cd "$(dirname "$0")/.."
tag=$1 wheels=${2:-}
base=docker.io/library/python:$(sed -n 's/^ARG PYTHON=//p' Dockerfile)
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  container=$(buildah from scratch)
  root=$(buildah mount "$container")
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-dev,python3-venv bookworm "$root"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  buildah umount "$container" >/dev/null
  buildah commit --quiet --rm "$container" "$base"
fi
buildah bud --isolation chroot --layers --build-arg ENGINE=cpu --tag "$tag" \
  ${wheels:+--volume "$wheels:/wheels:ro" --build-arg TORCH_INDEX=/wheels} .
