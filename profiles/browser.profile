# Browsers, and servers that drive one: many processes, much memory, a large /tmp
include node.profile
include python.profile
rlimit-as 2g
rlimit-nproc 512
rlimit-nofile 8192
