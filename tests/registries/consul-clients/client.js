// Node's `consul`, in the words of client.py; and "watch NAME": its own watch, which says lists until the end.
//
//     node client.js PORT [TOKEN]
"use strict";

const EventEmitter = require("events");
const readline = require("readline");
const path = require("path");
const modules = path.resolve(__dirname, "../../../build/clients/node/node_modules");
const Consul = require(path.join(modules, "consul"));

const [port, token] = process.argv.slice(2);
const client = new Consul({ host: "127.0.0.1", port: Number(port), defaults: token ? { token } : {} });

// The index is a field of the answer's head: asked for as the client's own watch does.
async function withIndex(ask, options, name) {
  const ctx = Object.assign(new EventEmitter(), { includeResponse: true });
  const [res, data] = await ask({ ...options, ctx });
  return { index: res.headers["x-consul-index"], [name]: data };
}

const words = {
  register: (name, id, address, at, tags, ttl) =>
    client.agent.service.register({ name, id, address, port: at, tags, check: { ttl } }).then(() => true),
  deregister: (id) => client.agent.service.deregister(id).then(() => true),
  pass: (id) => client.agent.check.pass(id).then(() => true),
  warn: (id) => client.agent.check.warn(id).then(() => true),
  fail: (id) => client.agent.check.fail(id).then(() => true),
  maintenance: (id, enable) => client.agent.service.maintenance({ id, enable }).then(() => true),
  service: (service, options) => withIndex((o) => client.health.service(o), { service, ...options }, "entries"),
  services: (options) => withIndex((o) => client.catalog.service.list(o), options, "names"),
  "agent services": () => client.agent.service.list(),
  "agent checks": () => client.agent.check.list(),
  nodes: () => client.catalog.node.list(),
  checks: (name) => client.health.checks(name),
  state: (state) => client.health.state(state),
  self: () => client.agent.self(),
  leader: () => client.status.leader(),
};

function say(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}

function watch(service) {
  const w = client.watch({ method: client.health.service, options: { service, wait: "20s" } });
  w.on("change", (data) => say({ is: data.map((e) => e.Service.ID) }));
  w.on("error", (e) => say({ error: e.name, text: String(e.message) }));
}

async function obey(line) {
  const [word, ...args] = JSON.parse(line);
  if (word === "watch") return watch(...args);
  try {
    say({ is: await words[word](...args) });
  } catch (e) {
    say({ error: String(e.statusCode || e.name), text: String((e.response && e.response.body) || e.message) });
  }
}

let turn = Promise.resolve();
readline.createInterface({ input: process.stdin }).on("line", (line) => (turn = turn.then(() => obey(line)))).on("close", () => turn.then(() => process.exit(0)));
