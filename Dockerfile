# docker build -t arrol-serve:cuda .
# docker build --build-arg ENGINE=cpu -t arrol-serve:cpu .
# It serves. For training install the package with its train extra.
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
ARG ENGINE=cuda
# Where PyTorch's CPU build comes from, if neither pip nor PyTorch's own index has it: a URL, or a folder.
ARG TORCH_INDEX=
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils libnuma1
WORKDIR /src
COPY docker docker
COPY requirements requirements
COPY tools tools
COPY pyproject.toml README.md LICENSE ./
COPY heads heads
COPY trainer trainer
COPY arrol_serve arrol_serve
RUN docker/install.sh "${ENGINE}" /opt/arrol && docker/slim.sh /opt/arrol

FROM python:${PYTHON}
# vLLM compiles small kernels at run time. The user's group is 0 and may write what the user may, so that a
# made-up user id (OpenShift) finds the same home.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libnuma1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 --gid 0 arrol \
    && install --directory --mode=0775 --owner=arrol --group=0 /home/arrol /home/arrol/cache
COPY --from=build /opt/arrol /opt/arrol
USER 10001:0
WORKDIR /home/arrol
ENV PATH=/opt/arrol/bin:$PATH HOME=/home/arrol HF_HOME=/home/arrol/cache PYTHONUNBUFFERED=1
VOLUME /home/arrol/cache
EXPOSE 8000
# SIGTERM drains; the engine's processes are children of this one, which waits for them.
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=300s --interval=10s --timeout=3s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
ENTRYPOINT ["arrol-serve"]
CMD ["--host", "0.0.0.0"]
