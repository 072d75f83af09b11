# docker build --build-arg ENGINE=cpu -t arrol-serve:cpu .     (default: cuda)
FROM python:3.11-slim-bookworm AS build
ARG ENGINE=cuda
WORKDIR /src
RUN python -m venv /opt/arrol
COPY pyproject.toml README.md LICENSE ./
COPY arrol_serve arrol_serve
COPY trainer trainer
COPY heads heads
# The image removes vLLM's torchvision and torchaudio on CPU: PyPI's builds do not match its torch.
RUN /opt/arrol/bin/pip install --no-cache-dir ".[${ENGINE}]" \
    && if [ "${ENGINE}" = cpu ]; then /opt/arrol/bin/pip uninstall --yes torchvision torchaudio torchcodec; fi

FROM python:3.11-slim-bookworm
# vLLM compiles small kernels at run time.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc g++ libc6-dev libnuma1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home arrol
COPY --from=build /opt/arrol /opt/arrol
USER arrol
ENV PATH=/opt/arrol/bin:$PATH HF_HOME=/home/arrol/cache
VOLUME /home/arrol/cache
EXPOSE 8000
HEALTHCHECK --start-period=120s --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
ENTRYPOINT ["arrol-serve"]
CMD ["--host", "0.0.0.0"]
