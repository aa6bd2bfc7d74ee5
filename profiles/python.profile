# python, uvx and their kin
include common.inc
# Packages are read-only.
env PYTHONDONTWRITEBYTECODE=1
# A server that prints must not hold its answers back.
env PYTHONUNBUFFERED=1
