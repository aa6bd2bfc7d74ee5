# An MCP server that is as hard to end as a program can be: it ignores every signal that can be ignored and the end of
# its input, and has children in sessions of their own, orphans among them. $1 marks all of them, and is how long they sleep.
trap '' TERM INT HUP QUIT PIPE USR1 USR2
setsid sleep "$1" </dev/null >/dev/null 2>&1 &
(setsid sh -c 'trap "" TERM INT HUP; while :; do sleep "$0"; done' "$1" </dev/null >/dev/null 2>&1 &)
( ( sleep "$1" </dev/null & ) & )
read -r initialize
printf '%s\n' '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"nasty","version":"1"}}}'
while :; do sleep "$1"; done
