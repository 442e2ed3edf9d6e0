// What Node's HTTP parser (llhttp) makes of bytes: on stdin any number of (length in 4 bytes, bytes), on stdout a line of JSON for each.
'use strict'
const { HTTPParser, methods } = require('_http_common')

// [[method, target, [name, value, ...], body, [trailer, value, ...]], ...] and how it ended: clean, partial, or an error's code.
function read(bytes) {
  const messages = []
  let message = null
  let extra = []
  let upgraded = false

  function fresh() {
    const p = new HTTPParser()
    p.initialize(HTTPParser.REQUEST, {}, 1 << 22)
    p[HTTPParser.kOnMessageBegin] = () => {
      message = { target: '', fields: [], body: [], method: '' }
      extra = []
    }
    p[HTTPParser.kOnHeaders] = (fields, target) => { // more fields than fit at once, and trailers
      extra.push(...fields)
      if (!message.method) message.target += target
    }
    p[HTTPParser.kOnHeadersComplete] = (major, minor, fields, method, target, status, reason, upgrade) => {
      message.fields = fields ? extra.concat(fields) : extra
      message.target = target === undefined ? message.target : message.target + target
      message.method = methods[method]
      message.version = major + '.' + minor
      extra = []
      upgraded = upgrade
      return 0
    }
    p[HTTPParser.kOnBody] = (b, at, size) => {
      message.body.push(at === undefined ? b : b.subarray(at, at + size))
    }
    p[HTTPParser.kOnMessageComplete] = () => {
      messages.push([message.method, message.target, message.fields, Buffer.concat(message.body).toString('latin1'), extra, message.version])
      message = null
      extra = []
    }
    return p
  }

  let parser = fresh()
  while (bytes.length > 0) {
    const used = parser.execute(bytes)
    if (typeof used !== 'number') return { messages, end: used.code || String(used) }
    if (!upgraded || used >= bytes.length) break
    bytes = bytes.subarray(used) // what follows belongs to no tunnel yet
    upgraded = false
    parser = fresh()
  }
  return { messages, end: message ? 'partial' : 'clean' }
}

const input = require('fs').readFileSync(0)
const lines = []
for (let at = 0; at < input.length;) {
  const size = input.readUInt32BE(at)
  lines.push(JSON.stringify(read(input.subarray(at + 4, at + 4 + size))))
  at += 4 + size
}
process.stdout.write(lines.join('\n'))
