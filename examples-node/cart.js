// shop-cart: who has what in the cart (Express, fetch).
// It calls shop-catalog by name through its sidecar, over plain HTTP. It knows of no registry.
'use strict';

const express = require('express');

const sidecar = process.env.CSIDECAR_URL || 'http://127.0.0.1:8081';
const port = Number(process.env.PORT || 5002);

const carts = new Map([
  ['ada', new Map([[1, 1], [2, 4]])],
  ['bob', new Map([[3, 1]])],
]);

const app = express();
app.set('strict routing', true);

app.get('/healthz', (request, response) => response.send('ok\n'));

app.get('/carts', (request, response) => response.redirect(301, '/carts/'));

app.get('/carts/', (request, response) => response.json([...carts.keys()]));

// The cart that this browser filled last.
app.get('/carts/mine', (request, response) => {
  const name = /(?:^|;\s*)cart=(\w+)/.exec(request.headers.cookie || '')?.[1];
  if (!name) return response.status(404).json({ error: 'no cart yet' });
  response.redirect(`/carts/${name}`);
});

app.get('/carts/:name', async (request, response) => {
  const cart = carts.get(request.params.name);
  if (!cart) return response.status(404).json({ error: `no cart ${request.params.name}` });
  const lines = await Promise.all([...cart].map(line));
  response.json({ cart: request.params.name, lines, by: `shop-cart:${process.pid}` });
});

// Putting the same quantity twice changes nothing the second time: the sidecar may send it again.
app.put('/carts/:name/items/:item', express.json(), (request, response) => {
  const { name, item } = request.params;
  if (!carts.has(name)) carts.set(name, new Map());
  carts.get(name).set(Number(item), request.body.quantity);
  response.cookie('cart', name, { path: '/carts' }).redirect(303, `/carts/${name}`);
});

app.use((error, request, response, next) => {
  response.status(error.status || 500).json({ error: error.message });
});

async function line([item, quantity]) {
  const answer = await fetch(`${sidecar}/shop-catalog/items/${item}`);
  if (!answer.ok) {
    const message = `shop-catalog said ${answer.status}: ${await answer.text()}`;
    throw Object.assign(new Error(message), { status: answer.status });
  }
  return { ...(await answer.json()), quantity };
}

const server = app.listen(port, '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
