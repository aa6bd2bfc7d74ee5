# git, and servers that run it
include node.profile
include python.profile
# A question nobody can answer would be a hang.
env GIT_TERMINAL_PROMPT=0
# A pager waits for a terminal.
env GIT_PAGER=cat
