#!/bin/sh
':' /*
# For sh, up to the last exec; for Node the first word is a string, and the rest of this part a comment. Node looks for two
# options of its own in all words of its command line, also in ours and in those of the program that we are to start, and
# obeys them before any code of ours runs: --env-file FILE, whose NODE_OPTIONS names modules to load, and
# --experimental-config-file FILE, which does too (nodejs/node: src/node_dotenv.cc, src/node_config_file.cc). Such files
# are the sandbox's, often an unknown project's. So Node is given words that are none of its options; start.cjs takes the
# "=" off.
command -v node >/dev/null || {
  echo 'glovebox: there is no "node" in PATH
fix: install Node 24 or newer and make it the first "node" on PATH' >&2
  exit 3
}
case " $*" in
  *' --env-file'* | *' --'*config-file*) for word; do shift; set -- "$@" "=$word"; done ;;
esac
# Beside every server there is one of us, which carries messages: nearly all that it makes is gone at once, and a megabyte
# of young generation does; V8 would double it during the start, and keep it. An option, because a flag of V8 that is set
# later makes it throw away what Node has compiled of its own parts: a start would compile them anew, which takes 10 ms.
case $1 in
  run | exec | =run | =exec) set -- node --max-semi-space-size=1 -- "$0" "$@" ;;
  *) set -- node -- "$0" "$@" ;;
esac
# Most shells drop what no shell could name, npm_config_@scope:registry among it, without which a private package would be
# asked of the public registry. What we were started with is read once more, and env(1) gives back what is missing.
if LC_ALL=C grep -qzE '^([0-9]|[^=]*[^=A-Za-z0-9_])' "/proc/$$/environ" 2>/dev/null; then
  given=$(tr '\n\000' '\001\n' <"/proc/$$/environ")
  while IFS= read -r pair; do
    case ${pair%%=*} in
      [0-9]* | *[!A-Za-z0-9_]*)
        pair=$(printf '%s.' "$pair" | tr '\001' '\n')
        set -- "${pair%.}" "$@" ;;
    esac
  done <<END
$given
END
  set -- env -- "$@"
fi
exec "$@"
*/
'use strict'
/*
 * The command that npm links. In the syntax of the oldest Nodes on purpose: whichever is first on PATH starts it,
 * and one that is too old gets a sentence instead of a syntax error. What is newer is in start.cjs.
 */
var oldest = 24

if (parseInt(process.versions.node, 10) >= oldest) {
  require('./start.cjs')
} else {
  process.stderr.write(
    'glovebox: needs Node ' +
      oldest +
      ' or newer, and this is ' +
      process.version +
      ' (' +
      process.execPath +
      ')\n' +
      'fix: install Node ' +
      oldest +
      ' or newer and make it the first "node" on PATH\n',
  )
  process.exitCode = 3
}
