# docker, podman: the engine's socket is the host itself, and is not shown. Use the container driver for images.
include common.inc
