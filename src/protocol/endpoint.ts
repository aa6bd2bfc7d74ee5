/** An address with a port, as records, plans and messages spell it: `1.2.3.4:80`, `[::1]:80` (RFC 3986, 3.2.2). */
export interface Endpoint {
  /** In its digits, without brackets. Only its letters were looked at. */
  readonly ip: string
  readonly port: number
}

/** As it is spelled; undefined for what is none, as `unix:/run/x`, `netlink`, or a name. */
export function readEndpoint(text: string | undefined): Endpoint | undefined {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text ?? '') ?? []
  const ip = v6 ?? v4
  return ip === undefined ? undefined : { ip, port: Number(port) }
}

/** A host as it stands before a port. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** `host:port` as records and Host headers write it. */
export function withPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`
}
