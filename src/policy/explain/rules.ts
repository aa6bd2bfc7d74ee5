/** What each rule without a word of the user's in it is for. */
const reasons: Readonly<Record<string, string>> = {
  'network.default-deny': 'a sandbox talks to nobody whom its policy does not name',
  'network.foreign-socket':
    'a socket that was made outside of the sandbox belongs to a network outside of it, so nothing inside may use one',
  'network.no-resolver':
    'a sandbox whose policy names nobody has no network, and nobody who looks names up; the program asked for one, or for several',
  'network.unknown-address':
    'inside, addresses stand for names; this one stands for none, so nobody can tell whom it means',
  'network.not-a-name': 'only what can be the name of a host is looked up: anything else could carry data out',
  'network.limits.names': 'a sandbox that looks up so many names is not looking for servers',
  'network.address':
    'an allowed name must not lead to an address inside your own networks or of this machine, or whoever owns the name could',
  'network.proxy': 'what goes around the proxy of this host goes around whoever set it up',
  'network.metadata': 'a cloud’s metadata service hands out the keys of the whole machine',
  'unix.host-socket': 'behind a socket of the host sits a service of the host, with the rights of its owner',
  'unix.datagram': 'a datagram says for each message where it goes, so its end cannot be held to one decision',
  'unix.absent': 'there is no such socket in the sandbox; the program was told so, and most go on without',
  'exec.allow': 'the policy lists the programs that may be executed, and this one is not among them',
  'tools.allow': 'the policy lists the tools that exist for the client, and this one is not among them',
  'tools.name': 'the name of a tool must be short and visible, so that a person sees the same name as a program',
  kernel: 'the kernel itself decides by what the sandbox was shown; this event is only the record of it',
  loopback: 'what is loopback inside is the sandbox’s own',
}

export function reasonOf(rule: string): string {
  const known = Object.hasOwn(reasons, rule) ? reasons[rule] : undefined
  if (known !== undefined) return known
  if (rule.startsWith('guard.')) return 'each message has to be one that every program reads the same way'
  if (rule.startsWith('limits.')) return 'limits hold for the whole sandbox, so that it cannot starve what is beside it'
  if (rule.startsWith('tools.deny')) return 'the policy hides this tool from the client'
  if (rule.startsWith('tools.')) return 'this is what the policy says about tools'
  return 'this is a rule of the policy, as it is written there'
}
