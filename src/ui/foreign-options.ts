/** Where the other programs are that these options are known from, their meaning has a word of ours, or holds in any case. */
const advice: readonly (readonly [options: string, what: string])[] = [
  ['--rm', 'leave it out: nothing of a sandbox stays'],
  ['--network --net', 'leave it out: nobody is reached but who --allow-net names'],
  ['--share-net --allow-all', 'name who may be reached, and what may be seen: --allow-net, --read, --write'],
  ['--user -u --uid --gid --userns', 'leave it out: a program runs as you, without any privilege'],
  [
    '--cap-drop --cap-add --privileged --security-opt',
    'leave it out: no program has a privilege, and none can get one',
  ],
  ['--read-only --die-with-parent --new-session --init', 'leave it out: it always holds'],
  [
    '--unshare-all --unshare-net --unshare-pid --unshare-user --unshare-ipc --unshare-uts --pid --ipc --uts',
    'leave it out: every namespace is its own',
  ],
  ['--mount --bind --dev-bind', '--write PATH, or --read PATH for what must not change; it is seen at its own path'],
  ['--ro-bind --allow-read', '--read PATH; it is seen at its own path'],
  ['--allow-write', '--write PATH'],
  ['--allow-env --setenv', '--env NAME=VALUE, or --env NAME for the value of ours'],
  ['--allow-run', '--exec PROGRAM'],
  ['--tmpfs --shm-size', '/tmp and /dev/shm are its own; --disk SIZE is what all of it may take'],
  ['--detach -d', 'glovebox launch starts a server that goes on without you'],
  ['--device --gpus --dev', 'devices of this machine are passed on to nobody'],
  ['--cwd --chdir --workdir', 'start it from there: the working directory is kept where it is shown (--read, --write)'],
  ['--pids-limit', '--pids N'],
  ['--ulimit', '--open-files N'],
  ['--dns', '--resolver ADDRESS'],
]

/** What somebody wants who writes an option of another program; undefined for one that we do not know, either. */
export function adviceOn(option: string): string | undefined {
  return advice.find(([options]) => options.split(' ').includes(option))?.[1]
}

/** For a test: everything that is advised. */
export const allAdvice: readonly string[] = advice.map(([, what]) => what)
