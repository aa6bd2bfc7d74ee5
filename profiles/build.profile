# Builds of native addons: compilers and make, without a network like everything else
include node.profile
include python.profile
rlimit-as 2g
rlimit-nproc 256
