/** Verbs that people know from docker, npm, systemctl and others, as what is meant by them here. */
const meant: ReadonlyMap<string, string> = new Map([
  ['ls', 'glovebox status shows what runs, glovebox list what is configured'],
  ['rm', 'glovebox stop ends a launched server, glovebox remove takes one out of the configuration'],
  ['delete', 'glovebox remove takes a server out of the configuration'],
  [
    'uninstall',
    'glovebox remove takes a server out of the configuration, glovebox package purge a package out of the store',
  ],
  ['kill', 'glovebox stop ends a launched server'],
  ['start', 'glovebox launch starts a server that goes on without you'],
  ['serve', 'glovebox run starts a server on stdio, glovebox launch one that goes on without you'],
  ['restart', 'glovebox stop ends a launched server, glovebox launch starts it again'],
  ['down', 'glovebox stop --all ends all launched servers'],
  ['inspect', 'glovebox show shows a server and its policy, glovebox status what runs'],
  ['attach', 'glovebox shell opens a shell in a running sandbox'],
  ['enter', 'glovebox shell opens a shell in a running sandbox'],
  ['top', 'glovebox stats shows what running sandboxes use'],
  ['events', 'glovebox audit tail --follow shows what happens'],
  ['log', 'glovebox logs shows what a launched server writes'],
  ['install', 'glovebox add configures a server, glovebox package install puts a package into the store'],
  [
    'pull',
    'glovebox package install puts a package into the store, glovebox image build makes the image of virtual machines',
  ],
  ['images', 'glovebox image list shows images of virtual machines'],
  [
    'config',
    'glovebox list shows the servers, glovebox show NAME one of them; the files are explained in docs/CONFIGURATION.md',
  ],
  ['init', 'glovebox add NAME -- COMMAND makes a configuration where there is none'],
  ['search', 'glovebox catalog list shows servers that are known'],
  [
    'check',
    'glovebox policy check tells what is wrong in a configuration, glovebox doctor what this machine cannot do',
  ],
  ['verify', 'glovebox audit verify checks the record'],
])

export function meaningOf(verb: string): string | undefined {
  return meant.get(verb)
}
