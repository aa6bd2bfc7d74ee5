# A command that nothing is known about: the strictest. The other profiles only add to it.
include common.inc
