// shop-prices: what things cost (plain node:http, no framework).
// It calls nobody. It knows of no registry.
'use strict';

const http = require('node:http');
const { once } = require('node:events');

const port = Number(process.env.PORT || 5003);
const prices = new Map([['1', 24.5], ['2', 6], ['3', 39.9], ['4', 8.25]]);
const rates = { EUR: 1, USD: 1.1 };

function json(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body) + '\n');
}

// The currency this browser chose earlier at /currency/NAME.
function currency(request) {
  const chosen = /(?:^|;\s*)currency=(\w+)/.exec(request.headers.cookie || '')?.[1];
  return chosen in rates ? chosen : 'EUR';
}

const routes = [
  [/^\/healthz$/, (request, response) => response.end('ok\n')],
  [/^\/prices$/, (request, response) => {
    response.writeHead(308, { Location: '/prices/' }).end();
  }],
  [/^\/prices\/$/, (request, response) => json(response, 200, Object.fromEntries(prices))],
  [/^\/prices\/(\w+)$/, (request, response, item) => {
    if (!prices.has(item)) return json(response, 404, { error: `no price for ${item}` });
    const name = currency(request);
    const price = Math.round(prices.get(item) * rates[name] * 100) / 100;
    json(response, 200, { price, currency: name });
  }],
  [/^\/currency\/(EUR|USD)$/, (request, response, name) => {
    response.writeHead(303, {
      Location: '/prices/1',
      'Set-Cookie': `currency=${name}; Path=/prices; HttpOnly`,
    }).end();
  }],
];

async function serve(request, response) {
  request.resume();
  await once(request, 'end');
  const path = request.url.split('?', 1)[0];
  for (const [pattern, handler] of routes) {
    const match = pattern.exec(path);
    if (match) return handler(request, response, match[1]);
  }
  json(response, 404, { error: `nothing at ${path}` });
}

const server = http.createServer((request, response) => {
  serve(request, response).catch(() => response.destroy());
});
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
