import { answer, gone, tokenOf } from '../case.ts'
import { good, head, own, word, type Asked } from './asked.ts'

const smuggled = (id: string): string => `GET ${word(id)} HTTP/1.1\r\nHost: other.test\r\n\r\n`

/** Read in two ways by two readers. */
export const smuggling: readonly Asked[] = [
  {
    id: 'cl-te',
    title: 'a request with two kinds of length',
    say: [
      head('cl-te', [own, 'Content-Length: 6', 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('cl-te')}`,
      }),
    ],
  },
  {
    id: 'te-cl',
    title: 'a request with two kinds of length, the other way round',
    say: [
      head('te-cl', [own, 'Transfer-Encoding: chunked', 'Content-Length: 4'], {
        method: 'POST',
        target: '/',
        body: `5c\r\n${smuggled('te-cl')}\r\n0\r\n\r\n`,
      }),
    ],
  },
  {
    id: 'cl-cl',
    title: 'a request with two lengths',
    say: [
      head('cl-cl', [own, 'Content-Length: 0', 'Content-Length: 60'], {
        method: 'POST',
        target: '/',
        body: smuggled('cl-cl'),
      }),
    ],
  },
  {
    id: 'cl-list',
    title: 'a request with a list of lengths',
    say: [head('cl-list', [own, 'Content-Length: 0, 60'], { method: 'POST', target: '/', body: smuggled('cl-list') })],
  },
  {
    id: 'cl-plus',
    title: 'a request with a length with a sign',
    say: [head('cl-plus', [own, 'Content-Length: +0'], { method: 'POST', target: '/', body: smuggled('cl-plus') })],
  },
  {
    id: 'cl-hex',
    title: 'a request with a length in hexadecimal',
    say: [head('cl-hex', [own, 'Content-Length: 0x0'], { method: 'POST', target: '/', body: smuggled('cl-hex') })],
  },
  {
    id: 'te-space',
    title: 'a coding with a space before its colon',
    say: [
      head('te-space', [own, 'Transfer-Encoding : chunked', 'Content-Length: 5'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-space')}`,
      }),
    ],
  },
  {
    id: 'te-other',
    title: 'a coding that nobody knows',
    say: [
      head('te-other', [own, 'Transfer-Encoding: xchunked'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-other')}`,
      }),
    ],
  },
  {
    id: 'te-two',
    title: 'two codings',
    say: [
      head('te-two', [own, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-two')}`,
      }),
    ],
  },
  {
    id: 'te-10',
    title: 'chunks in HTTP/1.0',
    say: [
      head('te-10', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        version: '1.0',
        body: `0\r\n\r\n${smuggled('te-10')}`,
      }),
    ],
  },
  {
    id: 'te-folded',
    title: 'a coding that goes on in the next line',
    say: [
      head('te-folded', [own, 'Transfer-Encoding:', ' chunked', 'Content-Length: 5'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-folded')}`,
      }),
    ],
  },
  {
    id: 'bare-lf',
    title: 'lines that end without a return',
    say: [`GET / HTTP/1.1\n${own}\n\n${smuggled('bare-lf')}`],
    rest: true,
  },
  {
    id: 'bare-lf-header',
    title: 'a line within a value',
    say: [`GET ${word('bare-lf-header')} HTTP/1.1\r\n${own}\r\nX: a\nHost: other.test\r\n\r\n`],
  },
  {
    id: 'bare-cr',
    title: 'a return within a value',
    say: [`GET ${word('bare-cr')} HTTP/1.1\r\n${own}\r\nX: a\rHost: other.test\r\n\r\n`],
  },
  { id: 'nul-value', title: 'a NUL within a value', say: [head('nul-value', [own, 'X: a\0b'])] },
  {
    id: 'nul-target',
    title: 'a NUL within a target',
    say: [head('nul-target', [own], { target: `/a\0${tokenOf('nul-target')}` })],
  },
  {
    id: 'space-target',
    title: 'a space within a target',
    say: [head('space-target', [own], { target: `/a ${tokenOf('space-target')}` })],
  },
  { id: 'header-name', title: 'a name of a header with a space', say: [head('header-name', [own, 'X Y: 1'])] },
  {
    id: 'header-first',
    title: 'a first line that begins with a space',
    say: [`GET ${word('header-first')} HTTP/1.1\r\n Host: other.test\r\n${own}\r\n\r\n`],
  },
  {
    id: 'header-large',
    title: 'a head of 128 KB',
    say: [head('header-large', [own]).slice(0, -2), 'X: ', { text: 'x', times: 128 * 1024 }, '\r\n\r\n'],
  },
  {
    id: 'header-many',
    title: 'a head of 5,000 lines',
    say: [head('header-many', [own]).slice(0, -2), { text: 'X: 1\r\n', times: 5000 }, '\r\n'],
  },
  {
    id: 'chunk-extension',
    title: 'an extension of a chunk',
    say: [
      head('x', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `1;${tokenOf('chunk-extension')}=1\r\na\r\n0\r\n\r\n`,
      }),
    ],
    rest: true,
  },
  {
    id: 'chunk-size',
    title: 'a chunk whose size has a sign',
    say: [
      head('chunk-size', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `-1\r\n${tokenOf('chunk-size')}\r\n0\r\n\r\n`,
      }),
    ],
    rest: true,
  },
  {
    id: 'chunk-huge',
    title: 'a chunk whose size is more than a number holds',
    say: [
      head('chunk-huge', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `10000000000000000\r\n${tokenOf('chunk-huge')}`,
      }),
    ],
    rest: true,
  },
  {
    id: 'chunk-lf',
    title: 'chunks whose lines end without a return',
    say: [
      head('chunk-lf', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `1\na\n0\n\n${smuggled('chunk-lf')}`,
      }),
    ],
    rest: true,
  },
  {
    id: 'trailer-host',
    title: 'a Host behind the body',
    say: [
      head('x', [own, 'Transfer-Encoding: chunked', 'Trailer: Host'], {
        method: 'POST',
        target: '/',
        body: `1\r\na\r\n0\r\nHost: ${tokenOf('trailer-host')}.other.test\r\n\r\n`,
      }),
    ],
    rest: true,
  },
  {
    id: 'get-body',
    title: 'a request for another host as the body of a GET',
    say: [head('get-body', [own], { target: '/', body: '' }) + smuggled('get-body')],
    rest: true,
  },
  {
    id: 'connection-host',
    title: 'a Host that is named as being for one hop',
    say: [head('connection-host', ['Host: other.test', 'Connection: Host'])],
  },
  {
    id: 'expect',
    title: 'a body that waits, and a request for another host behind it',
    say: [
      head('x', [own, 'Expect: 100-continue', 'Content-Length: 0'], { method: 'POST', target: '/' }) +
        smuggled('expect'),
    ],
    rest: true,
  },
]

/** Protocols of which not every request can be checked, and none that there is. */
export const versions: readonly Asked[] = [
  { id: 'h2-preface', title: 'HTTP/2 in the clear', say: [`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2-preface')}`] },
  {
    id: 'h2-split',
    title: 'HTTP/2 in the clear in two pieces',
    say: ['PRI * HTT', gone, `P/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2-split')}`],
  },
  {
    id: 'h2-behind',
    title: 'HTTP/2 in the clear behind a request',
    say: [good, answer, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2-behind')}`],
    rest: true,
  },
  {
    id: 'h2c',
    title: 'an upgrade to HTTP/2',
    say: [
      head('x', [own, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'], {
        target: '/',
      }),
      answer,
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2c')}`,
    ],
    rest: true,
  },
  { id: 'version-12', title: 'a version that there is not', say: [head('version-12', [own], { version: '1.2' })] },
  {
    id: 'version-word',
    title: 'another protocol in the form of HTTP, for another host',
    say: [`OPTIONS ${word('version-word')} RTSP/1.0\r\nHost: other.test\r\n\r\n`],
  },
]
