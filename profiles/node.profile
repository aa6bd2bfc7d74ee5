# node, npx and their kin
include common.inc
# They would look for new versions, and wait for a network that is not there.
env NO_UPDATE_NOTIFIER=1
env npm_config_update_notifier=false
