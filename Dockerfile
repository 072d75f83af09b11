# docker build -t arrol-serve:cuda .
# docker build --build-arg ENGINE=cpu -t arrol-serve:cpu .
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
ARG ENGINE=cuda
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY docker docker
COPY requirements requirements
COPY tools tools
COPY arrol_serve arrol_serve
COPY trainer trainer
COPY heads heads
RUN docker/install.sh "${ENGINE}" /opt/arrol

FROM python:${PYTHON}
# vLLM compiles small kernels at run time.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev libnuma1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 arrol \
    && install --directory --owner=arrol --group=arrol /home/arrol/cache
COPY --from=build /opt/arrol /opt/arrol
USER 10001
WORKDIR /home/arrol
ENV PATH=/opt/arrol/bin:$PATH HF_HOME=/home/arrol/cache PYTHONUNBUFFERED=1
VOLUME /home/arrol/cache
EXPOSE 8000
# SIGTERM drains; the engine's processes are children of this one, which waits for them.
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=300s --interval=10s --timeout=3s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
ENTRYPOINT ["arrol-serve"]
CMD ["--host", "0.0.0.0"]
