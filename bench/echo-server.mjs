// Answers every request at once with an empty result. Splits lines itself: readline would be the slowest part of the chain.
let rest = ''

process.stdin.setEncoding('latin1').on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop() ?? ''
  let answers = ''
  for (const line of lines) {
    const id = /"id":(\d+)/.exec(line)?.[1]
    if (id === undefined) continue
    const result = line.includes('"initialize"')
      ? '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"echo","version":"1"}}'
      : '{}'
    answers += `{"jsonrpc":"2.0","id":${id},"result":${result}}\n`
  }
  process.stdout.write(answers)
})
