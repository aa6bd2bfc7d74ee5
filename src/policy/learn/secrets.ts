import { posix } from 'node:path'

/** What a program never needs to be given by a machine's suggestion: keys, passwords, and what leads to them. */
interface Secret {
  readonly what: string
  readonly pattern: RegExp
}

/** Anywhere: a home directory is not always below /home. */
const secrets: readonly Secret[] = [
  { what: 'keys for other machines', pattern: /\/(?:\.ssh|\.gnupg|\.putty|\.age|\.step)(?:\/|$)/ },
  {
    what: 'the keys of a cloud account',
    pattern: /\/(?:\.aws|\.azure|\.oci|\.kube|\.docker|\.config\/(?:gcloud|doctl|hcloud|rclone))(?:\/|$)/,
  },
  {
    what: 'a keyring or a password store',
    pattern: /\/(?:\.password-store|\.pki|\.local\/share\/(?:keyrings|kwalletd))(?:\/|$)/,
  },
  {
    what: 'what a browser or a mail program knows of you',
    pattern: /\/(?:\.mozilla|\.thunderbird|\.config\/(?:google-chrome|chromium|BraveSoftware|Signal|Slack))(?:\/|$)/,
  },
  {
    what: 'the login of a program',
    pattern:
      /\/(?:\.netrc|\.pgpass|\.my\.cnf|\.npmrc|\.yarnrc(?:\.yml)?|\.pypirc|\.git-credentials|\.vault-token|\.boto|\.s3cfg|\.cargo\/credentials(?:\.toml)?|\.gem\/credentials|\.terraform\.d|\.config\/(?:gh|glab-cli|git\/credentials|hub|op))(?:\/|$)/,
  },
  { what: 'what was typed', pattern: /\/\.(?:bash|zsh|sh|python|node_repl|psql|mysql|sqlite)_history$/ },
  {
    what: 'a file of secrets by its name',
    pattern:
      /\/(?:\.env(?:\.[\w.-]+)?|\.envrc|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|[^/]+\.(?:pem|key|p12|pfx|jks|kdbx|keystore|ppk|ovpn)|credentials(?:\.json)?|secrets?\.(?:json|ya?ml|toml))$/i,
  },
  {
    what: 'the passwords and keys of this machine',
    pattern:
      /^\/etc\/(?:shadow|gshadow|sudoers|ssh|ssl\/private|krb5\.keytab|wireguard|NetworkManager\/system-connections)(?:[-/]|\.d|$)/,
  },
]

/** What of a person's or a machine's secrets a path is, or leads to; undefined for any other. */
export function whySecret(path: string): string | undefined {
  const plain = posix.normalize(path)
  return secrets.find(({ pattern }) => pattern.test(plain))?.what
}
