# Asterisk 22 from Debian's packages, in the foreground, as a user without rights.
#
#   docker build --file docker/asterisk.Dockerfile --target asterisk --tag asterisk:22 .
#
# BASE: forky is the first Debian release with Asterisk 22.
ARG BASE=debian:forky-slim

FROM ${BASE} AS asterisk
ARG DEBIAN_FRONTEND=noninteractive
# The user's number stays the same at each build: files of the host are made readable for it.
RUN groupadd --gid 10002 asterisk \
    && useradd --uid 10002 --gid asterisk --no-create-home --home-dir /var/lib/asterisk --shell /usr/sbin/nologin asterisk \
    && apt-get update \
    && apt-get install --yes --no-install-recommends asterisk asterisk-core-sounds-en \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    # Without the last one ARI can record no call.
    && install -d -o asterisk -g asterisk /run/asterisk /var/spool/asterisk/recording
USER asterisk
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["asterisk", "-rx", "core waitfullybooted"]
ENTRYPOINT ["asterisk", "-f"]

# The demo's: what sandbox/demo/premises.py writes stands in one volume, where Asterisk finds it by these names.
FROM asterisk AS demo
USER root
COPY sandbox/no-dns-client.sh /usr/local/share/agi-router/
RUN sh -e /usr/local/share/agi-router/no-dns-client.sh "" \
    && rm -rf /etc/asterisk /run/asterisk /var/lib/asterisk /var/spool/asterisk /var/log/asterisk \
    && ln -s /premises/asterisk/etc /etc/asterisk \
    && ln -s /premises/asterisk/run/asterisk /run/asterisk \
    && ln -s /premises/asterisk/lib /var/lib/asterisk \
    && ln -s /premises/asterisk/spool /var/spool/asterisk \
    && ln -s /premises/asterisk/log /var/log/asterisk
USER asterisk
