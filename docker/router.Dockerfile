# The router, as a user without rights (10001).
#
#   docker build --file docker/router.Dockerfile --target router --tag agi-router .
#
# BASE: any Debian with Python 3.11 or newer.
# Certificates (*.crt) in docker/certificates/ are trusted while Python packages are downloaded, and not afterwards.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS python
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --uid 10001 --no-create-home --home-dir /var/lib/agi-router --shell /usr/sbin/nologin agi-router \
    && install -d -m 700 -o agi-router -g agi-router /var/lib/agi-router
ENV PATH=/opt/agi-router/bin:$PATH
USER 10001:10001

FROM ${BASE} AS build
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3-pip python3-venv
COPY docker/certificates/ /usr/local/share/ca-certificates/
RUN update-ca-certificates && python3 -m venv --without-pip /opt/agi-router
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md ./
COPY agi_router agi_router
COPY ari_app ari_app
COPY dialplan dialplan
RUN python3 -m pip --python /opt/agi-router/bin/python install .

FROM python AS router
COPY --from=build /opt/agi-router /opt/agi-router
# The configuration is expected at /etc/agi-router/agi-router.yaml; the database stands here, unless it says otherwise.
WORKDIR /var/lib/agi-router
HEALTHCHECK --interval=10s --timeout=10s --start-period=20s CMD ["agi-router", "status"]
ENTRYPOINT ["agi-router"]
CMD ["serve"]

FROM build AS build-demo
RUN python3 -m pip --python /opt/agi-router/bin/python install '.[demo]'
COPY sandbox /opt/demo/sandbox
RUN python3 -m compileall -q /opt/demo

# A CRM, phones, and whoever tells what happens: the same program as `make demo`.
FROM python AS demo
COPY --from=build-demo /opt/agi-router /opt/agi-router
COPY --from=build-demo /opt/demo /opt/demo
WORKDIR /opt/demo
ENTRYPOINT ["python3", "-m"]
CMD ["sandbox.demo"]
