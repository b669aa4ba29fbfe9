# polyhead serve, without torch: numpy, tokenizers, ONNX Runtime and the HTTP server.
#
#   docker build -t polyhead .
#   docker build -t polyhead --build-arg EXTRAS=serve,openvino .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/exported:/model:ro" polyhead
#
# What stands behind the image's name in `docker run` is the model and options of `polyhead serve`: /model where nothing does.
# docs/deploying.md has more; compose.yaml runs it locked down.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG EXTRAS=serve
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# The environment has no pip of its own: nothing is installed into it later.
RUN python -m venv --without-pip /opt/polyhead
# The wheel is named by its path, so that no package index can put another one in its place.
RUN pip --python /opt/polyhead/bin/python install --no-cache-dir -c constraints.txt "$(echo /wheels/polyhead-*.whl)[${EXTRAS}]"
# An image that cannot serve, or that holds torch, is not built.
RUN /opt/polyhead/bin/python -c "import sys, importlib.util as u, polyhead.serving.server; sys.exit(any(map(u.find_spec, ('torch', 'transformers'))))"

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 polyhead && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin polyhead
COPY --from=build /opt/polyhead /opt/polyhead
# The file system may be read-only: all that is ever written are timings of runtimes, which stand in /tmp.
ENV PATH=/opt/polyhead/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    POLYHEAD_CACHE=/tmp/polyhead
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Ready, not only live: Docker has one sign for those who send requests and for those who wait for a start. Three failures take
# longer than a drain, so that a server that ends well is not called unhealthy. http.client minds no proxy settings.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/v2/health/ready'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["polyhead", "serve", "--host", "0.0.0.0"]
CMD ["/model"]
